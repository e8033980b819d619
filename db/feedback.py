"""Feedback: one vote per user and answer, which may change and have a reason, and the answered questions with votes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from db.models import Feedback
from db.sql import named
from pipeline.errors import UnknownName

Vote = Literal[-1, 0, 1]
VoteReason = Literal["wrong", "incomplete", "outdated"]
"""Why an answer did not help; `outdated` refers to its sources."""


@dataclass(frozen=True, slots=True)
class AnsweredQuestion:
    """A question that got an answer."""

    query: int
    """ID of the trace."""
    question: str
    """The question as it was searched; a follow-up question is rewritten."""
    votes: int
    """Votes for the answer minus votes against it."""
    cited: tuple[int, ...]
    """Cited documents that are still live."""


def store_vote(session: Session, workspace_id: int, job_id: int, user_id: str, vote: Vote) -> None:
    """Store the vote of a user on an answer; 0 deletes it (a tenant transaction). Raises `UnknownName`."""
    values = {"workspace_id": workspace_id, "job_id": job_id, "user_id": user_id, "vote": vote}
    if vote == 0:
        key = (Feedback.workspace_id == workspace_id, Feedback.job_id == job_id, Feedback.user_id == user_id)
        session.execute(delete(Feedback).where(*key))
    elif session.scalar(named("store_vote"), values) is None:
        raise UnknownName(f"Job {job_id} has no answer in this workspace to vote on.")


def store_reason(session: Session, job_id: int, user_id: str, reason: VoteReason) -> None:
    """Store why a user voted against an answer (a tenant transaction); raise `UnknownName` without such a vote."""
    values = {"job_id": job_id, "user_id": user_id, "reason": reason}
    if session.scalar(named("store_vote_reason"), values) is None:
        raise UnknownName(f"User {user_id} has not voted against the answer of job {job_id}.")


def count_votes(session: Session, job_id: int) -> tuple[int, int]:
    """Return the numbers of positive and negative votes on an answer."""
    row = session.execute(named("count_votes"), {"job_id": job_id}).one()
    return int(row.up), int(row.down)


def read_vote(session: Session, job_id: int, user_id: str) -> int:
    """Return the vote of a user on an answer: 1, -1, or 0 for none."""
    vote = select(Feedback.vote).where(Feedback.job_id == job_id, Feedback.user_id == user_id)
    return session.scalars(vote).one_or_none() or 0


def list_answered_questions(
    session: Session, workspace_id: int, *, days: float = 0, limit: int = 100_000
) -> list[AnsweredQuestion]:
    """List the answered questions of the last days, newest first (a tenant transaction); 0 days: all of them."""
    rows = session.execute(
        named("list_answered_questions"), {"workspace_id": workspace_id, "days": days, "limit": limit}
    )
    return [AnsweredQuestion(row.id, row.question, int(row.votes), tuple(row.cited)) for row in rows]
