"""Wait for changes of jobs and deliveries with LISTEN instead of polling."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import closing

import psycopg

from db.engine import translated_errors

JOBS = "refdesk_jobs"
DELIVERIES = "refdesk_deliveries"


def watch_jobs(url: str, *, idle_s: float = 2.0) -> Generator[int | None, None, None]:
    """Yield the ID of each job that changes, and None after `idle_s` without a change.

    The first value is None, after LISTEN has started: a caller that reads the jobs then misses no change.
    """
    with closing(_notices(url, JOBS, idle_s)) as notices:
        for payload in notices:
            yield None if payload is None else int(json.loads(payload)["id"])


def watch_deliveries(url: str, *, idle_s: float = 2.0) -> Generator[int | None, None, None]:
    """Yield the ID of each delivery that can be claimed or whose job changes; None as in `watch_jobs`."""
    with closing(_notices(url, DELIVERIES, idle_s)) as notices:
        for payload in notices:
            yield None if payload is None else int(payload)


def _notices(url: str, channel: str, idle_s: float) -> Generator[str | None, None, None]:
    with translated_errors(), psycopg.connect(_plain(url), autocommit=True) as connection:
        connection.execute(f"LISTEN {channel}")
        yield None
        while True:
            notified = False
            for notice in connection.notifies(timeout=idle_s, stop_after=1):
                notified = True
                yield notice.payload
            if not notified:
                yield None


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://", 1)
