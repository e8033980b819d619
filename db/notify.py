"""Wait for changes of jobs and deliveries with LISTEN instead of polling."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any

import psycopg

from db.engine import Database

JOBS = "refdesk_jobs"
DELIVERIES = "refdesk_deliveries"


def watch_jobs(database: Database, *, idle_s: float = 2.0) -> Generator[int | None, None, None]:
    """Yield the ID of each job that changes, and None after `idle_s` without a change.

    Listens on a connection of the pool, because opening one takes as long as a short question.

    The first value is None, after LISTEN has started: a caller that reads the jobs then misses no change.
    """
    with database.driver_connection() as connection:
        try:
            for payload in _listen(connection, JOBS, idle_s):
                yield _read_id(payload)
        finally:
            connection.execute("UNLISTEN *")


def watch_deliveries(database: Database, *, idle_s: float = 2.0) -> Generator[int | None, None, None]:
    """Yield the ID of each delivery that can be claimed or whose job changes; None as in `watch_jobs`."""
    with database.driver_connection(dedicated=True) as connection:
        for payload in _listen(connection, DELIVERIES, idle_s):
            yield _read_id(payload)


def _read_id(payload: str | None) -> int | None:
    """Return the ID in a payload; None for others, because every login of the database can send notifications."""
    try:
        content = json.loads(payload or "null")
        number = content["id"] if isinstance(content, dict) else content
        return number if isinstance(number, int) else None
    except (ValueError, KeyError):
        return None


def _listen(connection: psycopg.Connection[Any], channel: str, idle_s: float) -> Generator[str | None, None, None]:
    connection.execute(f"LISTEN {channel}")
    yield None
    while True:
        notified = False
        for notice in connection.notifies(timeout=idle_s, stop_after=1):
            notified = True
            yield notice.payload
        if not notified:
            yield None
