"""Check the invariants of a store in one read-only snapshot: `db/sql/verify.sql` has one statement per invariant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from db.engine import Database
from db.keyword_verification import list_wrong_postings
from db.sql import named, statements

POSTINGS = "The keyword index has the postings of every visible chunk and no others."
HEARTBEAT_S = 30.0
"""Seconds without a heartbeat after which a worker counts as lost."""


@dataclass(frozen=True, slots=True)
class Invariant:
    """A check of `verify.sql`."""

    name: str
    rows: str
    """What the column `id` names; empty if it names nothing."""
    full: bool = False
    """Whether it reads all contents, so that it takes longer than the others together."""

    @property
    def description(self) -> str:
        """The invariant in one sentence."""
        return (
            POSTINGS
            if self.name == "verify_keyword_postings"
            else statements()[self.name].splitlines()[0].removeprefix("-- ")
        )

    @property
    def label(self) -> str:
        """The name for users."""
        return self.name.removeprefix("verify_").replace("_", "-")


@dataclass(frozen=True, slots=True)
class Finding:
    """A row that breaks an invariant."""

    id: int
    workspace_id: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check."""

    invariant: Invariant
    findings: tuple[Finding, ...]
    """All findings, in the order of their IDs."""


INVARIANTS = (
    Invariant("verify_job_states", "job"),
    Invariant("verify_job_reasons", "job"),
    Invariant("verify_job_events", "job"),
    Invariant("verify_fencing", "job"),
    Invariant("verify_expired_leases", "job"),
    Invariant("verify_lease_owners", "job"),
    Invariant("verify_chunk_claims", "chunk"),
    Invariant("verify_waiting_documents", "job"),
    Invariant("verify_results", "job"),
    Invariant("verify_versions", "version"),
    Invariant("verify_documents", "document"),
    Invariant("verify_chunk_terms", "chunk"),
    Invariant("verify_chunks", "version"),
    Invariant("verify_live_versions", "document"),
    Invariant("verify_vectors", "chunk"),
    Invariant("verify_missing_vectors", "chunk"),
    Invariant("verify_embedding_queue", "chunk"),
    Invariant("verify_keyword_statistics", "scope"),
    Invariant("verify_keyword_postings", "chunk", full=True),
    Invariant("verify_blobs", "document"),
    Invariant("verify_blob_contents", "", full=True),
    Invariant("verify_orphan_blobs", ""),
    Invariant("verify_deliveries", "delivery"),
    Invariant("verify_orphan_deliveries", "delivery"),
    Invariant("verify_messages", "delivery"),
    Invariant("verify_delivery_claims", "delivery"),
    Invariant("verify_spending", ""),
    Invariant("verify_workspaces", "row"),
)
"""All checks, in an order in which a repair of one can only cause findings of later ones."""


def default_grace_s(lease_s: float, sweep_s: float) -> float:
    """Return the seconds in which running workers end every intermediate state: leases expire and are swept."""
    return HEARTBEAT_S + lease_s + 2 * sweep_s


def verify(
    database: Database, *, grace_s: float, full: bool = False, on_check: Callable[[Invariant], None] = lambda _: None
) -> list[CheckResult]:
    """Run the checks in one snapshot and return their results.

    Args:
        database: The database.
        grace_s: Age in seconds from which an intermediate state, for example an expired lease, is a finding.
        full: Also compare all postings with the terms of their chunks, and all original bytes with their hashes.
        on_check: Called before each check.
    """
    results = []
    with database.system(snapshot=True) as session:
        session.execute(text("SET TRANSACTION READ ONLY"))
        for invariant in INVARIANTS:
            if full or not invariant.full:
                on_check(invariant)
                results.append(CheckResult(invariant, tuple(list_findings(session, invariant, grace_s))))
    return results


def list_findings(session: Session, invariant: Invariant, grace_s: float) -> list[Finding]:
    """List the rows that break an invariant (a system transaction)."""
    if invariant.name == "verify_keyword_postings":
        return [
            Finding(wrong.chunk_id, wrong.workspace_id, f"wrong or missing postings in scope {wrong.scope_id}")
            for wrong in list_wrong_postings(session)
        ]
    rows = session.execute(named(invariant.name), {"grace_s": grace_s})
    return sorted((Finding(row.id, row.workspace_id, row.detail) for row in rows), key=lambda finding: finding.id)
