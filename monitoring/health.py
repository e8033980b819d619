"""Health checks: functions that return what is wrong, or nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from config.redis_server import read_redis_version
from db.engine import Database
from pipeline.errors import RefdeskError

RESPONSE_TIMEOUT_S = 4.0
"""Seconds within which both servers must respond."""
Check = Callable[[], str]
"""Returns what is wrong in a sentence; empty if nothing is."""


@dataclass(frozen=True, slots=True)
class HealthChecks:
    """The checks of one process."""

    live: Check
    """Whether the process works at all; if not, a supervisor restarts it."""
    ready: Check
    """Whether it can do its work now; if not, it may recover by itself."""


class ServerCheck:
    """Checks that PostgreSQL and Redis respond, with a separate connection, so that it waits for no job.

    A thread asks the servers: no timeout of the clients ends the wait for a server process that is stopped.
    """

    def __init__(self, database_url: str, redis_url: str) -> None:
        """Prepare the connection, which the first check opens."""
        self._database = Database(
            database_url, application="refdesk health", pool_size=1, statement_timeout_s=RESPONSE_TIMEOUT_S
        )
        self._redis_url = redis_url
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._asked = ""
        self._problem = ""

    def __call__(self) -> str:
        """Return which server does not respond and why. Checks at the same time share one request to the servers."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._ask, name="health-check", daemon=True)
                self._thread.start()
            thread = self._thread
        thread.join(RESPONSE_TIMEOUT_S)
        if thread.is_alive():
            return f"{self._asked} did not respond within {RESPONSE_TIMEOUT_S:.0f} s."
        return self._problem

    def _ask(self) -> None:
        problem = "The check of the servers failed; the log of this process contains the reason."
        try:
            self._asked = "PostgreSQL"
            with self._database.system():
                pass  # a transaction sends its settings to the server
            self._asked = "Redis"
            read_redis_version(self._redis_url)
        except RefdeskError as error:
            problem = str(error)
        else:
            problem = ""
        finally:
            self._problem = problem

    def close(self) -> None:
        """Close the connection."""
        self._database.close()


def combine(*checks: Check) -> Check:
    """Return a check that reports the first problem of several checks."""

    def check() -> str:
        return next((problem for one in checks if (problem := one())), "")

    return check
