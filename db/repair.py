"""Repair the findings of `db/verify.py` that can be repaired without losing data.

Each repair is one transaction that finds the rows again and changes only those. What cannot be derived from other rows,
such as missing original bytes, is not repaired.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from db import blobs, deliveries, jobs
from db import sweep as ledger
from db.engine import Database
from db.keyword_segments import index_changes
from db.sql import named
from db.verify import INVARIANTS, Finding, Invariant, list_findings

_Apply = Callable[[Session, Sequence[Finding]], None]


@dataclass(frozen=True, slots=True)
class Repair:
    """A repair that is planned or done."""

    invariant: Invariant
    findings: tuple[Finding, ...]
    action: str
    """What it does; empty if there is no safe repair."""


def plan(database: Database, *, grace_s: float, full: bool = False) -> list[Repair]:
    """Return the repair for each check with findings, in the order in which they run."""
    planned = []
    for invariant in INVARIANTS:
        if full or not invariant.full:
            with database.system() as session:
                findings = tuple(list_findings(session, invariant, grace_s))
            if findings:
                planned.append(Repair(invariant, findings, find_repair(invariant)))
    return planned


def repair(database: Database, *, grace_s: float, full: bool = False) -> list[Repair]:
    """Repair what can be repaired, and return the repairs with the findings of each check before it ran."""
    done = []
    for invariant in INVARIANTS:
        if invariant.full and not full:
            continue
        with database.system() as session:
            findings = tuple(list_findings(session, invariant, grace_s))
            if findings:
                action, apply = _REPAIRS.get(invariant.name, ("", None))
                if apply is not None:
                    apply(session, findings)
                done.append(Repair(invariant, findings, action))
    if any(each.invariant.name in _INDEX_CHECKS for each in done):
        index_changes(database)
    return done


def find_repair(invariant: Invariant) -> str:
    """Return what the repair of an invariant does; empty if there is none."""
    return _REPAIRS.get(invariant.name, ("", None))[0]


def _run(*statements: str) -> _Apply:
    def apply(session: Session, findings: Sequence[Finding]) -> None:
        for statement in statements:
            session.execute(named(statement), _ids(findings))

    return apply


def _ids(findings: Sequence[Finding]) -> dict[str, list[int]]:
    return {"ids": [finding.id for finding in findings]}


def _sweep(session: Session, _findings: Sequence[Finding]) -> None:
    # Publishing is left to the sweeper of a worker.
    ledger.sweep(session, patience_s=0, embed_attempts=_NO_LIMIT)


def _expire_leases(session: Session, findings: Sequence[Finding]) -> None:
    session.execute(named("expire_leases_without_worker"), _ids(findings))
    _sweep(session, findings)


def _add_again(session: Session, findings: Sequence[Finding]) -> None:
    """Submit the documents of damaged live versions again; these remain live until then."""
    for row in session.execute(named("list_documents_to_add_again"), _ids(findings)).all():
        payload = {
            "source": row.source,
            "name": row.title,
            "sha256": row.sha256,
            "channels": row.channels,
            "media_type": row.media_type,
            "origin": row.origin,
            "force": True,
        }
        jobs.submit(session, jobs.NewJob(row.workspace_id, "ingest", payload, requester=row.added_by))
    for statement in ("queue_jobs_of_damaged_versions", "delete_damaged_versions"):
        session.execute(named(statement), _ids(findings))


def _rebuild_keyword_index(session: Session, findings: Sequence[Finding]) -> None:
    for workspace_id in sorted({finding.workspace_id for finding in findings if finding.workspace_id is not None}):
        session.execute(named("wait_for_segment_lock"), {"workspace_id": workspace_id})
        session.execute(named("rebuild_keyword_index"), {"workspace_id": workspace_id})


def _delete_orphan_blobs(session: Session, _findings: Sequence[Finding]) -> None:
    blobs.delete_orphans(session)


def _repair_deliveries(session: Session, findings: Sequence[Finding]) -> None:
    for job_id in session.scalars(named("list_open_jobs_of_deliveries"), _ids(findings)).all():
        deliveries.reopen(session, job_id)
    session.execute(named("mark_shown_jobs_delivered"), _ids(findings))


_NO_LIMIT = 1_000_000
"""A repair gives up no chunk; the sweeper of a worker does."""
_INDEX_CHECKS = {"verify_keyword_statistics", "verify_keyword_postings"}
_REPAIRS: dict[str, tuple[str, _Apply]] = {
    "verify_job_states": (
        "queue running jobs without a lease again, end leases of ended jobs, and record missing reasons",
        _run("repair_job_states"),
    ),
    "verify_job_events": ("record the state as an event", _run("repair_job_events")),
    "verify_expired_leases": ("end the leases and queue the jobs again", _sweep),
    "verify_lease_owners": ("end the leases and queue the jobs again", _expire_leases),
    "verify_chunk_claims": ("release the claims", _run("release_chunk_claims_without_worker")),
    "verify_waiting_documents": ("make complete versions live", _sweep),
    "verify_versions": ("delete the versions", _run("delete_stray_versions")),
    "verify_documents": ("delete the entries, which nobody can find", _run("delete_stray_documents")),
    "verify_chunk_terms": ("delete the terms", _run("delete_stray_terms")),
    "verify_chunks": ("add the documents again from their original bytes", _add_again),
    "verify_live_versions": ("copy size and scope again", _run("copy_live_versions", "correct_version_scopes")),
    "verify_vectors": ("delete or correct the vectors", _run("delete_stray_vectors", "correct_vectors")),
    "verify_missing_vectors": ("queue the chunks", _run("queue_missing_vectors_of_chunks")),
    "verify_embedding_queue": (
        "remove or correct the queued chunks",
        _run("dequeue_embedded_chunks", "correct_queued_chunks"),
    ),
    "verify_keyword_statistics": ("rebuild the keyword index of the workspace", _rebuild_keyword_index),
    "verify_keyword_postings": ("rebuild the keyword index of the workspace", _rebuild_keyword_index),
    "verify_orphan_blobs": ("delete the bytes", _delete_orphan_blobs),
    "verify_deliveries": ("reopen deliveries of open jobs, and mark ended jobs as delivered", _repair_deliveries),
    "verify_orphan_deliveries": ("close the deliveries", _sweep),
    "verify_delivery_claims": ("release the claims", _run("release_expired_delivery_claims")),
}
