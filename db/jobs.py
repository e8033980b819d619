"""The job ledger. Each function runs in the transaction of the caller."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db import deliveries, quarantine
from db.links import parse_web_link, require_no_credentials
from db.models import Job, JobEvent
from db.sql import named
from pipeline.errors import Cancelled, LeaseLost, RefdeskError, UnknownName
from pipeline.text.cleaning import dump_storable, remove_unstorable, remove_unstorable_json

Kind = Literal["ingest", "ask"]
LOCKED_TRIES = 50
LOCKED_PAUSE_S = 0.02
"""Seconds between two tries to lock a job while other transactions have locked all that are due."""
QUEUE_OF: Mapping[Kind, str] = {"ingest": "ingest", "ask": "query"}


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to submit."""

    workspace_id: int
    kind: Kind
    payload: Mapping[str, Any]
    requester: str = ""
    request_key: str | None = None
    delivery_id: int | None = None
    max_attempts: int = 3


@dataclass(frozen=True, slots=True)
class Lease:
    """The time-limited right to work on a job, with the fencing token that every write checks."""

    job_id: int
    workspace_id: int
    token: uuid.UUID
    attempt: int
    requester: str
    payload: Mapping[str, Any] = field(default_factory=dict)


def submit(session: Session, job: NewJob) -> int:
    """Insert a job and return its ID; a known request key returns the existing job."""
    return submit_all(session, [job])[0]


def submit_all(session: Session, new_jobs: Sequence[NewJob]) -> list[int]:
    """Insert jobs of one workspace in one statement and return their IDs; known request keys return existing jobs.

    Raises:
        LinkNotAllowed: A link contains a user name or password.
    """
    rows = [
        {
            "position": position,
            "workspace_id": job.workspace_id,
            "kind": job.kind,
            "queue": QUEUE_OF[job.kind],
            "requester": job.requester,
            "request_key": job.request_key,
            "payload": remove_unstorable_json(_with_origin(job)),
            "delivery_id": job.delivery_id,
            "max_attempts": job.max_attempts,
        }
        for position, job in enumerate(new_jobs)
    ]
    inserted = session.execute(named("submit_jobs"), {"jobs": json.dumps(rows)}).all()
    without_key = iter(sorted(row.id for row in inserted if row.request_key is None))
    by_key = {row.request_key: row.id for row in inserted if row.request_key is not None}
    if known := {job.request_key for job in new_jobs if job.request_key is not None} - by_key.keys():
        query = select(Job).where(Job.workspace_id == new_jobs[0].workspace_id, Job.request_key.in_(known))
        by_key |= {job.request_key: job.id for job in session.scalars(query)}
    return [next(without_key) if job.request_key is None else by_key[job.request_key] for job in new_jobs]


def _with_origin(job: NewJob) -> Mapping[str, Any]:
    """Return the payload with a valid web link as the origin of a document: the given one or the fetched URL."""
    if job.kind != "ingest":
        return job.payload
    # The job keeps its link, so a password in it must be rejected before it is stored.
    require_no_credentials(str(job.payload.get("url") or ""))
    origin = parse_web_link(job.payload.get("origin")) or parse_web_link(job.payload.get("url"))
    payload = {name: value for name, value in job.payload.items() if name != "origin"}
    return payload if origin is None else payload | {"origin": origin}


def mark_published(session: Session, job_ids: Sequence[int]) -> None:
    """Record that these job IDs were published to the queue."""
    session.execute(named("mark_jobs_published"), {"ids": list(job_ids)})


def claim(session: Session, job_id: int, *, worker: str, stage: str, lease_s: float) -> Lease | None:
    """Claim the lease of a queued job; return None if it cannot be claimed."""
    values = {"id": job_id, "worker": worker, "stage": stage, "lease_s": lease_s}
    row = session.execute(named("claim_job"), values).mappings().one_or_none()
    if row is None:
        return None
    return Lease(row["id"], row["workspace_id"], row["lease_token"], row["attempt"], row["requester"], row["payload"])


def claim_next(session: Session, queue: str, *, worker: str, stage: str, lease_s: float) -> Lease | None:
    """Claim the job of a queue that is next in the fair order; return None if no job is due."""
    row = lock_next(session, queue)
    return None if row is None else claim(session, row[0], worker=worker, stage=stage, lease_s=lease_s)


def lock_next(session: Session, queue: str) -> tuple[int, int] | None:
    """Lock the job that is next in the fair order for this transaction; return its ID and its workspace.

    If other transactions have locked every due job, this waits for up to a second. One of them may be that of the front
    end, which marks a job as published after its message was sent; without a wait, that message would start nothing,
    and the job would be left until the sweeper publishes it again.
    """
    for _ in range(LOCKED_TRIES):
        row = session.execute(named("lock_next_job"), {"queue": queue}).one_or_none()
        if row is not None:
            return row.id, row.workspace_id
        if not session.scalar(named("has_due_job"), {"queue": queue}):
            break
        time.sleep(LOCKED_PAUSE_S)
    return None


def renew(session: Session, lease: Lease, lease_s: float) -> bool:
    """Renew a lease and return whether cancellation was requested; raise `LeaseLost`."""
    cancel_requested = session.scalar(
        named("renew_lease"), {"id": lease.job_id, "token": lease.token, "lease_s": lease_s}
    )
    if cancel_requested is None:
        raise LeaseLost
    return bool(cancel_requested)


def lock_lease(session: Session, lease: Lease) -> None:
    """Lock the job for this transaction as the fence before other writes; raise `LeaseLost` or `Cancelled`."""
    cancel_requested = session.scalar(named("lock_lease"), {"id": lease.job_id, "token": lease.token})
    if cancel_requested is None:
        raise LeaseLost
    if cancel_requested:
        raise Cancelled


def report_progress(session: Session, lease: Lease, stage: str, done: int = 0, total: int = 0, text: str = "") -> bool:
    """Store stage and progress and return whether cancellation was requested; raise `LeaseLost`."""
    values = {
        "id": lease.job_id,
        "token": lease.token,
        "stage": stage,
        "done": done,
        "total": total,
        "text": remove_unstorable(text),
    }
    cancel_requested = session.scalar(named("update_job_progress"), values)
    if cancel_requested is None:
        raise LeaseLost
    return bool(cancel_requested)


def succeed(session: Session, lease: Lease, result: Mapping[str, Any]) -> None:
    """End a job with its result; raise `LeaseLost`."""
    values = {"id": lease.job_id, "token": lease.token, "result": dump_storable(result)}
    if session.scalar(named("succeed_job"), values) is None:
        raise LeaseLost


def fail(session: Session, lease: Lease, error: Exception) -> str:
    """End an attempt with an error, delete the version it was building, and return the new state of the job."""
    name = error.name if isinstance(error, RefdeskError) else type(error).__name__
    retryable = error.retryable if isinstance(error, RefdeskError) else True
    text = remove_unstorable(str(error)).strip() or name
    values = {
        "id": lease.job_id,
        "token": lease.token,
        "error_class": name,
        "error": text[:2000],
        "retryable": retryable,
    }
    state = session.execute(named("fail_job"), values).mappings().one_or_none()
    if state is None:
        raise LeaseLost
    discard(session, lease.job_id)
    return str(state["state"])


def mark_cancelled(session: Session, lease: Lease) -> None:
    """End a job whose cancellation was requested."""
    if session.execute(named("mark_job_cancelled"), {"id": lease.job_id, "token": lease.token}).one_or_none():
        discard(session, lease.job_id)


def release(session: Session, lease: Lease) -> None:
    """Release a job because the worker stops; the attempt does not count."""
    session.execute(named("release_job"), {"id": lease.job_id, "token": lease.token})


def cancel(session: Session, job_id: int) -> str:
    """Cancel a job and return its state: `cancelled`, or `running` until the worker honours the request."""
    row = session.execute(named("cancel_job"), {"id": job_id}).mappings().one_or_none()
    if row is None:
        job = get(session, job_id)
        raise UnknownName(f"Job {job_id} is {job.state}; only queued and running jobs can be cancelled.")
    if row["state"] == "cancelled":
        discard(session, job_id)
    return str(row["state"])


def cancel_for_documents(session: Session, document_ids: Sequence[int]) -> None:
    """Cancel the open ingest jobs of documents that are being deleted."""
    session.execute(named("cancel_document_jobs"), {"document_ids": list(document_ids)})


def retry(session: Session, job_id: int) -> None:
    """Queue an ended job again with all its attempts, release its content from quarantine, and reopen its delivery."""
    deliveries.reopen(session, job_id)
    if session.execute(named("retry_job"), {"id": job_id}).one_or_none() is None:
        job = get(session, job_id)
        if job.payload.get("deleted"):
            raise UnknownName(f"The document of job {job_id} was deleted. Add it again.")
        raise UnknownName(f"Job {job_id} is {job.state}; only failed, dead and cancelled jobs can be retried.")
    quarantine.release(session, job_id)


def update_channels(session: Session, job_id: int, channels: Sequence[str]) -> None:
    """Replace the channels of a question that is asked again (a tenant transaction)."""
    session.execute(named("update_job_channels"), {"id": job_id, "channels": list(channels)})


def get(session: Session, job_id: int) -> Job:
    """Return a job, or raise `UnknownName`."""
    job = session.get(Job, job_id, populate_existing=True)
    if job is None:
        raise UnknownName(f"There is no job {job_id} in this workspace.")
    return job


def list_jobs(
    session: Session,
    *,
    states: Sequence[str] = (),
    kind: str | None = None,
    requester: str | None = None,
    limit: int = 20,
) -> list[Job]:
    """List jobs, newest first, of all requesters or one."""
    query = select(Job).order_by(Job.id.desc()).limit(limit)
    if states:
        query = query.where(Job.state.in_(states))
    if kind:
        query = query.where(Job.kind == kind)
    if requester is not None:
        query = query.where(Job.requester == requester)
    return list(session.scalars(query))


def count_known_requests(session: Session, workspace_id: int, request_keys: Sequence[str]) -> int:
    """Count how many of these requests are jobs already."""
    query = select(func.count()).select_from(Job)
    return session.scalars(query.where(Job.workspace_id == workspace_id, Job.request_key.in_(request_keys))).one()


def count_open(session: Session) -> int:
    """Count the queued and running jobs of this workspace."""
    query = select(func.count()).select_from(Job).where(Job.state.in_(("queued", "running")))
    return session.scalars(query).one()


def list_started(session: Session, job_ids: Collection[int]) -> list[Job]:
    """Return those of these jobs that are no longer queued."""
    query = select(Job).where(Job.id.in_(job_ids), Job.state != "queued").order_by(Job.id)
    return list(session.scalars(query.execution_options(populate_existing=True)))


def list_events(session: Session, job_id: int) -> list[JobEvent]:
    """Return the events of a job in order."""
    return list(session.scalars(select(JobEvent).where(JobEvent.job_id == job_id).order_by(JobEvent.id)))


def explain(session: Session, job_id: int) -> str:
    """Return the reason for the state of a job in one sentence, or raise `UnknownName`."""
    sentence = session.scalar(named("explain_job"), {"id": job_id})
    if sentence is None:
        raise UnknownName(f"There is no job {job_id} in this workspace.")
    return str(sentence)


def discard(session: Session, job_id: int) -> None:
    """Delete the unfinished version of a job and its empty document; a live version is never deleted."""
    documents = list(session.scalars(named("delete_unfinished_version"), {"job_id": job_id}))
    if documents:
        session.execute(named("delete_empty_documents"), {"ids": documents})
