"""Jobs as users see them: with the reason for their state, their position in the queue and their subject."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from sqlalchemy import RowMapping, select
from sqlalchemy.orm import Session

from db.models import DeliveryRow, Job
from db.sql import named
from pipeline.errors import UnknownName
from pipeline.text.cleaning import remove_unstorable

NO_WORKER = " worker is running"
"""Part of the reason of a job that waits because no worker is running."""
NOT_PUBLISHED = "Not published to the queue yet"
"""Start of the reason of a job whose ID is not in the queue."""
RATE_LIMITED = "Rate limited until"
"""Start of the reason of a job that starts later because of a rate limit."""
LEASE_EXPIRED = "The lease of worker"
"""Start of the reason of a running job whose worker stopped sending heartbeats."""
OPEN_STATES = frozenset({"queued", "running"})
"""States of a job that has not ended; a job that waits for a retry is `queued`."""


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as users see it."""

    id: int
    kind: str
    state: str
    stage: str
    about: str
    """The question, or the name of the document."""
    progress_done: int
    progress_total: int
    progress_text: str
    ahead: int | None
    """Number of jobs before it in the queue; None if it is not queued."""
    why: str
    result: Mapping[str, Any] | None
    error_class: str | None
    error: str | None
    cancel_requested: bool
    attempt: int
    max_attempts: int
    created_at: dt.datetime
    finished_at: dt.datetime | None
    payload: Mapping[str, Any]
    wait_s: float | None = None
    """Estimated seconds until a queued question is answered; None for other jobs, and if nothing is known."""

    @property
    def ended(self) -> bool:
        """True if the job is in a final state."""
        return self.state not in OPEN_STATES


@dataclass(frozen=True, slots=True)
class JobWithOwner:
    """A job with its requester and the delivery that shows it."""

    job: JobView
    requester: str
    delivery_id: int | None
    private: bool = False
    """True for a question that was asked in private."""

    def redacted_for(self, user_id: str, instead: str) -> JobView:
        """Return the job as this user may see it: a private question of another user is replaced by `instead`."""
        return replace(self.job, about=instead) if self.private and self.requester != user_id else self.job


def list_jobs(
    session: Session,
    *,
    requester: str | None = None,
    kind: str | None = None,
    states: Sequence[str] = (),
    search: str = "",
    limit: int = 20,
    offset: int = 0,
) -> list[JobWithOwner]:
    """List jobs, newest first; without a requester, those of all users (a tenant transaction)."""
    values = {
        "requester": requester,
        "kind": kind,
        "states": list(states) or None,
        "search": remove_unstorable(search),
        "limit": limit,
        "offset": offset,
    }
    return [_to_job_with_owner(row) for row in session.execute(named("list_jobs"), values).mappings()]


def find_job(session: Session, job_id: int) -> JobWithOwner:
    """Return one job, or raise `UnknownName` (a tenant transaction)."""
    row = session.execute(named("find_job"), {"id": job_id}).mappings().one_or_none()
    if row is None:
        raise UnknownName(f"There is no job {job_id} in this workspace.")
    return _to_job_with_owner(row)


def find_last_answer(session: Session, user_id: str, channel_id: str) -> int | None:
    """Return the job of the last answer to a user in a channel, or None (a tenant transaction)."""
    query = select(Job.id).join(DeliveryRow, DeliveryRow.id == Job.delivery_id).order_by(Job.id.desc()).limit(1)
    answered = (Job.kind == "ask", Job.state == "succeeded", Job.requester == user_id)
    return session.scalars(query.where(*answered, DeliveryRow.channel_id == channel_id)).one_or_none()


def list_for_deliveries(session: Session, delivery_ids: Sequence[int]) -> list[tuple[int, JobView]]:
    """Return the jobs of deliveries, each with the ID of its delivery, in the order of submission."""
    rows = session.execute(named("list_jobs_of_deliveries"), {"ids": list(delivery_ids)}).mappings()
    return [(row["delivery_id"], _to_job_view(row)) for row in rows]


def _to_job_with_owner(row: RowMapping) -> JobWithOwner:
    return JobWithOwner(_to_job_view(row), str(row["requester"]), row["delivery_id"], row["private"])


def _to_job_view(row: RowMapping) -> JobView:
    payload = row["payload"]
    about = str(payload.get("question") or payload.get("title") or payload.get("name") or "")
    values = {item.name: row[item.name] for item in fields(JobView) if item.name != "about"}
    return JobView(about=about, **values)
