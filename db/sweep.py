"""What the sweeper repairs, in one transaction under one lock: silent workers, lost messages, forgotten versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from db import deliveries, embeddings, jobs, profiles, quarantine, versions, workers
from db.sql import named


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What a sweep did and what is to be published now."""

    expired: tuple[int, ...] = ()
    killed: tuple[int, ...] = ()
    completed: tuple[int, ...] = ()
    to_publish: tuple[tuple[int, str], ...] = ()
    """Job number and queue."""


def sweep(
    session: Session,
    *,
    empty_queues: Sequence[str] = (),
    patience_s: float,
    expires_s: float = 86_400,
    embed_attempts: int,
) -> SweepResult | None:
    """Repair the ledger (a system transaction); None when another worker is at it.

    A message that was published more than `patience_s` ago is lost when its queue is empty or later ones were taken,
    and expired after `expires_s`. A chunk claimed `embed_attempts` times ends its job.
    """
    if not session.scalar(named("try_sweep_lock")):
        return None
    profiles.lock_shared(session)
    deliveries.clear_expired_tokens(session)  # before any job: deliveries are locked first everywhere
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
    values = {"empty": list(empty_queues), "patience_s": patience_s, "expires_s": expires_s}
    due = session.execute(named("list_jobs_to_publish"), values)
    return SweepResult(tuple(expired), tuple(killed), tuple(completed), tuple((row.id, row.queue) for row in due))


def _finish_stuck(session: Session) -> list[int]:
    completed: list[int] = []
    for row in session.execute(named("list_stuck_embedding_jobs")).all():
        if row.version_id is None:
            session.execute(named("cancel_embedding_job"), {"id": row.id})
        else:
            versions.lock_versions(session, [row.version_id])
            completed += versions.complete_versions(session, [row.version_id])
    return completed
