"""Gaps: questions without a good answer, in groups that ask the same thing, and what managers did about them."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from db.sql import named
from pipeline.text.similar_questions import QuestionVector, group_questions

DAYS = 90
"""Age in days of the oldest questions that count as gaps."""
MAX_QUESTIONS = 1000
"""The newest questions that are grouped; grouping this many takes about a third of a second."""


@dataclass(frozen=True, slots=True)
class GapQuestion:
    """One question without an answer, or with votes against it."""

    id: int
    """ID of its trace."""
    question: str
    """As it was searched; a follow-up question is rewritten."""
    created_at: dt.datetime
    abstained: bool
    private: bool
    channel: str | None
    """The channel whose members read it; None on the command line."""
    votes_against: int
    reasons: tuple[str, ...]
    vector: QuestionVector | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Gap:
    """Questions that ask the same thing, newest first."""

    questions: tuple[GapQuestion, ...]

    @property
    def newest(self) -> GapQuestion:
        """The question that stands for the group."""
        return self.questions[0]

    @property
    def unanswered(self) -> int:
        """Number of questions without an answer."""
        return sum(question.abstained for question in self.questions)

    @property
    def votes_against(self) -> int:
        """Number of votes against the answers."""
        return sum(question.votes_against for question in self.questions)

    @property
    def reasons(self) -> Counter[str]:
        """The reasons of these votes."""
        return Counter(reason for question in self.questions for reason in question.reasons)

    @property
    def since(self) -> dt.datetime:
        """Time of the first question."""
        return self.questions[-1].created_at


def list_questions(
    session: Session, workspace_id: int, *, days: int = DAYS, limit: int = MAX_QUESTIONS, only: int | None = None
) -> list[GapQuestion]:
    """List the open gaps of a workspace, newest first; with `only`, this question (a tenant transaction)."""
    values = {"workspace_id": workspace_id, "days": days, "limit": limit, "only": only}
    rows = session.execute(named("list_gap_questions"), values).mappings()
    return [_to_question(row) for row in rows]


def group(questions: Sequence[GapQuestion]) -> list[Gap]:
    """Group questions that ask the same thing; the largest groups first, then the newest.

    Args:
        questions: Newest first.
    """
    oldest_first = list(reversed(questions))
    groups = group_questions([(question.question, question.vector) for question in oldest_first])
    gaps = [Gap(tuple(oldest_first[position] for position in reversed(positions))) for positions in groups]
    return sorted(gaps, key=lambda gap: (-len(gap.questions), -gap.newest.id))


def resolve(
    session: Session, workspace_id: int, query_ids: Sequence[int], user_id: str, job_id: int | None = None
) -> None:
    """Dismiss questions, or mark them as answered by the document of a job (a tenant transaction)."""
    values = {"workspace_id": workspace_id, "query_ids": list(query_ids), "user_id": user_id, "job_id": job_id}
    session.execute(named("resolve_gaps"), values)


def _to_question(row: Any) -> GapQuestion:
    vector = None
    if row["vector"] is not None and row["profile_id"] is not None and row["baseline"] is not None:
        vector = QuestionVector(row["profile_id"], row["vector"].to_numpy(), row["baseline"])
    return GapQuestion(
        id=row["id"],
        question=row["question"],
        created_at=row["created_at"],
        abstained=row["abstained"],
        private=row["private"],
        channel=row["channel"],
        votes_against=row["votes_against"],
        reasons=tuple(row["reasons"]),
        vector=vector,
    )
