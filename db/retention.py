"""Retention: delete old questions, answers, traces, jobs and messages, in small batches."""

from __future__ import annotations

from collections.abc import Callable

from db.engine import Database
from db.sql import named

BATCH = 200
"""Jobs per transaction; the trace of a question has about 50 rows."""


def delete_expired(database: Database, days: int, stopping: Callable[[], bool] = lambda: False) -> int:
    """Delete what is older than the retention of its workspace, and return the number of deleted jobs.

    Args:
        database: The database.
        days: Retention in days of workspaces that have none or a longer one; 0 keeps everything.
        stopping: Returns True to stop after the current batch.
    """
    with database.system() as session:
        workspaces = session.execute(named("list_workspaces_with_retention"), {"days": days}).all()
    deleted = 0
    for workspace in workspaces:
        values = {"workspace_id": workspace.id, "days": workspace.days}
        with database.system() as session:
            session.execute(named("forget_expired_payers"), values)
        for statement in (named("delete_expired_jobs"), named("delete_expired_deliveries")):
            count = BATCH
            while count == BATCH and not stopping():
                with database.system() as session:
                    count = int(getattr(session.execute(statement, values | {"limit": BATCH}), "rowcount", 0))
                deleted += count if statement is named("delete_expired_jobs") else 0
    return deleted
