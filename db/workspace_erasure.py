"""Erase a workspace: every row of every table with its ID, in batches, and then the workspace itself.

The tables are those of the mapped classes, so that a new table is included without a change here. An erasure that was
interrupted is continued by the sweeper.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from sqlalchemy import ColumnClause, Table, column, delete, func, select
from sqlalchemy.orm import Session

from db.digest_models import DigestRow
from db.embedding_models import Embedding
from db.engine import Database
from db.keyword_models import KeywordSegment
from db.models import Workspace
from db.spending_models import SpendingReservation
from db.sql import named
from db.trace_models import QueryTrace

BATCH = 2000
"""Rows per transaction; a row of `chunks` deletes its vectors too."""

# Their modules register the tables that db.models does not contain.
_MODELS = (DigestRow, Embedding, KeywordSegment, QueryTrace, SpendingReservation)


def count_rows(session: Session, workspace_id: int) -> dict[str, int]:
    """Return the number of rows of a workspace by table, without empty tables (a system transaction)."""
    counts = {
        table.name: session.scalar(select(func.count()).select_from(table).where(table.c.workspace_id == workspace_id))
        for table in _list_tables()
    }
    return {name: count for name, count in counts.items() if count}


def erase_workspace(
    database: Database, workspace_id: int, stopping: Callable[[], bool] = lambda: False
) -> Counter[str]:
    """Erase a workspace and return the number of deleted rows by table.

    From the first transaction on, its key belongs to no workspace and no worker can write for its jobs. When `stopping`
    returns True, the rest is left to the sweeper.
    """
    with database.system() as session:
        session.execute(named("begin_workspace_erasure"), {"workspace_id": workspace_id})
        session.execute(named("cancel_workspace_jobs"), {"workspace_id": workspace_id})
    return delete_rows(database, workspace_id, stopping)


def delete_rows(database: Database, workspace_id: int, stopping: Callable[[], bool] = lambda: False) -> Counter[str]:
    """Delete the rows of a workspace whose erasure has begun, until none is left or `stopping` returns True."""
    deleted: Counter[str] = Counter()
    complete = False
    while not complete:  # again, because a process that built keyword segments may have written some meanwhile
        complete = True
        for table in _list_tables():
            count = BATCH
            while count == BATCH:
                if stopping():
                    return deleted
                count = _delete_batch(database, workspace_id, table)
                if count:
                    deleted[table.name] += count
                    complete = False
    with database.system() as session:
        session.execute(delete(Workspace).where(Workspace.id == workspace_id))
    return deleted


def continue_erasures(database: Database, stopping: Callable[[], bool] = lambda: False) -> Counter[str]:
    """Continue the erasures that were interrupted, and return the number of deleted rows by table."""
    with database.system() as session:
        unfinished = list(session.scalars(named("list_unfinished_erasures")))
    deleted: Counter[str] = Counter()
    for workspace_id in unfinished:
        deleted.update(delete_rows(database, workspace_id, stopping))
    return deleted


def _delete_batch(database: Database, workspace_id: int, table: Table) -> int:
    """Delete some rows of a table and return their number."""
    place: ColumnClause[str] = column("ctid")
    rows = select(place).select_from(table).where(table.c.workspace_id == workspace_id).limit(BATCH)
    with database.system() as session:
        session.execute(named("lock_workspace_segments"), {"workspace_id": workspace_id})
        return int(getattr(session.execute(delete(table).where(place.in_(rows))), "rowcount", 0))


def _list_tables() -> list[Table]:
    """Return the tables with rows of workspaces, those that refer to others first."""
    return [table for table in reversed(Workspace.metadata.sorted_tables) if "workspace_id" in table.columns]
