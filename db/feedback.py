"""Feedback: one vote of each person on each answer, which may change; and what was asked, with the votes on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from db.models import Feedback
from db.sql import named
from pipeline.errors import UnknownName

Vote = Literal[-1, 0, 1]


@dataclass(frozen=True, slots=True)
class AnsweredQuestion:
    """A question that got an answer."""

    query: int
    """Number of its trace."""
    question: str
    """As it was searched: a follow-up stands on its own."""
    votes: int
    """Votes for the answer minus votes against it."""
    cited: tuple[int, ...]
    """Documents that the answer cites and that still answer."""


def store_vote(session: Session, workspace_id: int, job_id: int, user_id: str, vote: Vote) -> None:
    """Keep a person's vote on an answer, 0 takes it back (a tenant transaction); raises `UnknownName`."""
    values = {"workspace_id": workspace_id, "job_id": job_id, "user_id": user_id, "vote": vote}
    if vote == 0:
        key = (Feedback.workspace_id == workspace_id, Feedback.job_id == job_id, Feedback.user_id == user_id)
        session.execute(delete(Feedback).where(*key))
    elif session.scalar(named("store_vote"), values) is None:
        raise UnknownName(f"There is no answer of job {job_id} here to vote on.")


def count_votes(session: Session, job_id: int) -> tuple[int, int]:
    """Count the votes on an answer: for it, against it."""
    row = session.execute(named("count_votes"), {"job_id": job_id}).one()
    return int(row.up), int(row.down)


def read_vote(session: Session, job_id: int, user_id: str) -> int:
    """Give a person's vote on an answer: 1, -1, or 0 for none."""
    vote = select(Feedback.vote).where(Feedback.job_id == job_id, Feedback.user_id == user_id)
    return session.scalars(vote).one_or_none() or 0


def list_answered_questions(
    session: Session, workspace_id: int, *, days: float = 0, limit: int = 100_000
) -> list[AnsweredQuestion]:
    """List what was asked and answered, newest first, of the last so many days (a tenant transaction); 0: ever."""
    rows = session.execute(
        named("list_answered_questions"), {"workspace_id": workspace_id, "days": days, "limit": limit}
    )
    return [AnsweredQuestion(row.id, row.question, int(row.votes), tuple(row.cited)) for row in rows]
