"""Questions about which the helpers of a server were asked: once per question, and a few times per user."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from db.models import HelperRequest
from db.sql import named

POST_TIMEOUT_S = 300.0
"""Seconds after which a request that was not posted can be made again."""


def lock(session: Session, workspace_id: int, user_id: str) -> None:
    """Serialize the requests of one user until the transaction ends."""
    session.execute(named("lock_helper_requests"), {"workspace_id": workspace_id, "user_id": user_id})


def add(session: Session, workspace_id: int, job_id: int, user_id: str) -> bool:
    """Record that a user asks the helpers about a question; return False if they were asked (a tenant transaction)."""
    values = {"workspace_id": workspace_id, "job_id": job_id, "user_id": user_id, "patience_s": POST_TIMEOUT_S}
    return session.scalar(named("add_helper_request"), values) is not None


def mark_posted(session: Session, job_id: int) -> None:
    """Record that a request was posted (a tenant transaction)."""
    session.execute(named("mark_helper_request_posted"), {"job_id": job_id})


def remove(session: Session, job_id: int) -> None:
    """Remove the record of a request that could not be posted (a tenant transaction)."""
    session.execute(delete(HelperRequest).where(HelperRequest.job_id == job_id))


def list_times(session: Session, user_id: str, since: dt.datetime) -> list[dt.datetime]:
    """Return when a user asked the helpers of this workspace since a time, oldest first (a tenant transaction)."""
    times = select(HelperRequest.created_at).where(HelperRequest.user_id == user_id, HelperRequest.created_at > since)
    return list(session.scalars(times.order_by(HelperRequest.created_at)))
