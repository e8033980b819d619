"""One run of the sweeper, in one transaction under one lock: expired leases, lost messages, unfinished versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from db import deliveries, embeddings, job_batches, jobs, profiles, quarantine, versions, workers
from db.sql import named


@dataclass(frozen=True, slots=True)
class SweepResult:
    """The jobs changed by a sweep, and the jobs to publish."""

    expired: tuple[int, ...] = ()
    killed: tuple[int, ...] = ()
    completed: tuple[int, ...] = ()
    to_publish: tuple[tuple[int, str], ...] = ()
    """Job IDs with their queues."""


def sweep(
    session: Session,
    *,
    messages: Mapping[str, int] | None = None,
    patience_s: float,
    expires_s: float = 86_400,
    embed_attempts: int,
) -> SweepResult | None:
    """Run one sweep (a system transaction); return None if another worker is running one.

    Args:
        session: A system session.
        messages: Number of messages in each queue; None if they could not be counted.
        patience_s: Age in seconds from which a message counts as lost, if its queue contains too few.
        expires_s: Age in seconds from which a message counts as expired.
        embed_attempts: Number of claims of a chunk after which its job is dead.
    """
    if not session.scalar(named("try_sweep_lock")):
        return None
    profiles.lock_shared(session)
    deliveries.clear_expired_tokens(session)  # deliveries are locked before jobs everywhere
    deliveries.mark_orphans_undeliverable(session)
    expired = []
    for row in session.execute(named("end_expired_leases")).mappings().all():
        expired.append(int(row["id"]))
        if row["state"] == "dead":
            quarantine.add(session, row["id"])
        jobs.discard(session, row["id"])
    killed = embeddings.end_unembeddable(session, embed_attempts)
    completed = _finish_stuck(session)
    workers.delete_lost(session)
    startable = {queue: count * job_batches.MAX_JOBS_PER_MESSAGE[queue] for queue, count in (messages or {}).items()}
    values = {
        "queues": list(startable),
        "startable": list(startable.values()),
        "patience_s": patience_s,
        "expires_s": expires_s,
    }
    due = session.execute(named("list_jobs_to_publish"), values)
    return SweepResult(tuple(expired), tuple(killed), tuple(completed), tuple((row.id, row.queue) for row in due))


def expire_leases(session: Session, worker: str) -> list[int]:
    """Let the leases and chunk claims of a worker expire, and return its jobs; the next sweep queues them again.

    Args:
        session: A system session.
        worker: The ID of a worker whose process is known to have ended.
    """
    session.execute(named("expire_chunk_claims"), {"worker": worker})
    return sorted(session.scalars(named("expire_job_leases"), {"worker": worker}))


def _finish_stuck(session: Session) -> list[int]:
    completed: list[int] = []
    for row in session.execute(named("list_stuck_embedding_jobs")).all():
        if row.version_id is None:
            session.execute(named("cancel_embedding_job"), {"id": row.id})
        else:
            versions.lock_versions(session, [row.version_id])
            completed += versions.complete_versions(session, [row.version_id])
    return completed
