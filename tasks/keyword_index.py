"""Keep the tail of the keyword index short: a thread of every ingest worker builds and merges segments.

A lock per workspace lets one worker at a time take a step, and every step is one transaction, so that workers share
the work and any of them continues after another one has crashed.
"""

from __future__ import annotations

import threading

import structlog

from db.engine import Database
from db.keyword_segments import index_changes
from pipeline.errors import DatabaseUnavailable

log = structlog.get_logger(__name__)

INTERVAL_S = 2.0
"""Seconds between two checks."""
STOP_TIMEOUT_S = 5.0
"""Seconds that a stopping worker waits for the current step, which is repeated later if it is interrupted."""


class KeywordIndexThread:
    """Builds and merges segments periodically."""

    def __init__(self, database: Database) -> None:
        """Prepare the thread; nothing runs before `start`."""
        self._database = database
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keyword-index", daemon=True)

    def start(self) -> None:
        """Check now, and then every `INTERVAL_S` seconds."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the current step."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_TIMEOUT_S)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                index_changes(self._database, self._stop.is_set)
            except DatabaseUnavailable as error:
                log.warning("keyword index postponed: the database is unavailable", error=str(error))
            except Exception:
                log.exception("keyword index failed; questions read the changes directly until it works")
            self._stop.wait(INTERVAL_S)
