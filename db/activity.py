"""What happened in a workspace in the last days: questions, votes, new documents and spending."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from db.sql import named


@dataclass(frozen=True, slots=True)
class Activity:
    """The numbers of the last days."""

    days: int
    questions: int
    unanswered: int
    votes_for: int
    votes_against: int
    reasons: Counter[str]
    """Reasons of the votes against answers."""
    documents: int
    """New documents that are in the library now."""
    tokens: int
    """Tokens of questions and embedded documents, also of models without a price."""
    questions_usd: float
    documents_usd: float

    @property
    def usd(self) -> float:
        """Cost of questions and embedded documents in US dollars."""
        return self.questions_usd + self.documents_usd


def summarize(session: Session, workspace_id: int, days: Sequence[int]) -> list[Activity]:
    """Return the numbers for each number of days, ascending (a tenant transaction)."""
    rows = session.execute(named("summarize_activity"), {"workspace_id": workspace_id, "days": list(days)}).mappings()
    return [Activity(**dict(row) | {"reasons": Counter(row["reasons"])}) for row in rows]
