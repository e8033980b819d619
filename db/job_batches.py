"""Ingest jobs in batches: grouped into messages, and claimed, renewed and locked together.

Each function runs in the transaction of the caller. Every job keeps its own lease.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from db import jobs
from db.jobs import Lease
from db.sql import named

MAX_JOBS = 64
"""Maximum jobs per batch of ingest jobs, and per message."""
MAX_JOBS_PER_MESSAGE = {"ingest": MAX_JOBS, "query": 1}
"""Maximum jobs that a message of a queue starts."""
MAX_BYTES = 65_536
"""Maximum bytes of a document in a batch; larger ones would delay the others."""


def group_for_messages(session: Session, queued: Sequence[tuple[int, str]]) -> list[tuple[str, list[int]]]:
    """Return the messages to send for these jobs: a queue and its job IDs, in the order of the jobs.

    A message lets a worker start as many jobs as it names; the worker claims those that are next. Small documents of
    one workspace share messages. Large documents, links, questions and jobs that were tried before are alone in theirs.
    """
    values = {"ids": [job_id for job_id, _ in queued], "max_bytes": MAX_BYTES}
    workspace_of = {row.id: row.workspace_id for row in session.execute(named("list_batch_jobs"), values)}
    messages: list[tuple[str, list[int]]] = []
    open_groups: dict[int, list[int]] = {}
    for job_id, queue in queued:
        workspace_id = workspace_of.get(job_id)
        group = [] if workspace_id is None else open_groups.get(workspace_id, [])
        if not group or len(group) == MAX_JOBS:
            group = []
            messages.append((queue, group))
        group.append(job_id)
        if workspace_id is not None:
            open_groups[workspace_id] = group
    return messages


def claim_next(session: Session, *, worker: str, stage: str, lease_s: float, limit: int = MAX_JOBS) -> list[Lease]:
    """Claim the ingest job that is next in the fair order, and with a small document the next ones of its workspace.

    Returns:
        At most `limit` leases in the fair order.
    """
    first = jobs.lock_next(session, "ingest")
    if first is None:
        return []
    job_id, workspace_id = first
    values = {"workspace_id": workspace_id, "limit": limit, "max_bytes": MAX_BYTES}
    job_ids = list(session.scalars(named("lock_jobs_for_batch"), values))
    return claim(session, job_ids if job_id in job_ids else [job_id], worker=worker, stage=stage, lease_s=lease_s)


def claim(session: Session, job_ids: Sequence[int], *, worker: str, stage: str, lease_s: float) -> list[Lease]:
    """Claim the leases of those of these jobs that can be claimed, and return them in the order of `job_ids`."""
    values = {"ids": list(job_ids), "worker": worker, "stage": stage, "lease_s": lease_s}
    place_of = {job_id: place for place, job_id in enumerate(job_ids)}
    rows = sorted(session.execute(named("claim_jobs"), values).all(), key=lambda row: place_of[row.id])
    return [Lease(r.id, r.workspace_id, r.lease_token, r.attempt, r.requester, r.payload) for r in rows]


def renew(session: Session, leases: Sequence[Lease], lease_s: float) -> dict[int, bool]:
    """Renew leases; return the job IDs of the valid ones, each with whether cancellation was requested."""
    rows = session.execute(named("renew_leases"), identify(leases) | {"lease_s": lease_s})
    return {row.id: row.cancel_requested for row in rows}


def lock(session: Session, leases: Sequence[Lease]) -> dict[int, bool]:
    """Lock the jobs for this transaction as the fence before other writes.

    Returns:
        The job IDs of the valid leases, each with whether cancellation was requested.
    """
    return {row.id: row.cancel_requested for row in session.execute(named("lock_leases"), identify(leases))}


def identify(leases: Sequence[Lease]) -> dict[str, object]:
    """Return job IDs and fencing tokens of leases, as the parameters of a statement."""
    return {"ids": [lease.job_id for lease in leases], "tokens": [lease.token for lease in leases]}
