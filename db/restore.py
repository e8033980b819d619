"""The database side of `refdesk restore`: replace the store, and release what belonged to processes of the past."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete
from sqlalchemy.orm import Session

from db.models import WorkerRow
from db.sql import named, statements


@dataclass(frozen=True, slots=True)
class StoredRows:
    """The size of a store."""

    documents: int
    jobs: int


def count_rows(session: Session) -> StoredRows:
    """Count the documents and jobs of all workspaces (a system transaction)."""
    row = session.execute(named("count_stored_rows")).one()
    return StoredRows(row.documents, row.jobs)


def count_running_workers(session: Session) -> int:
    """Count the running workers (a system transaction)."""
    return int(session.scalar(named("count_running_workers")) or 0)


def drop_script() -> str:
    """Return the SQL that drops the store, for psql."""
    return statements()["drop_store"] + ";\n"


def release_restored(session: Session) -> None:
    """Release leases and claims of processes that ran when the backup was made (a system transaction)."""
    session.execute(delete(WorkerRow))
    for name in (
        "release_restored_deliveries",
        "release_restored_digests",
        "release_restored_jobs",
        "release_restored_chunks",
    ):
        session.execute(named(name))
