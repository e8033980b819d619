"""The heartbeat of a worker: its parent process renews its row in Postgres, with the time of its last message."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.sharedctypes import RawArray, RawValue

import structlog

from db import workers
from db.engine import Database
from pipeline.errors import DatabaseUnavailable

log = structlog.get_logger(__name__)

HEARTBEAT_INTERVAL_S = 5.0
RETRY_S = 1.0
"""Seconds between two tries while the database is unavailable."""
# Values without the lock of `multiprocessing.Value`: a child that is killed while it has that lock never releases it,
# and the parent and all later children would wait for it.
_received = RawValue("Q", 0)
"""Messages received; shared between the worker's parent and its children, so created before the fork."""
_counting = threading.Lock()
"""Held while a thread of this process counts a message. Of the processes of a worker, only one counts."""
_stopping = RawValue("b")
"""Whether the worker is stopping; shared in the same way."""
_ready = RawValue("b")
"""Whether a child has loaded its models; shared in the same way."""
_failure = RawArray("B", 4000)
"""Why the worker has to end, as UTF-8; shared in the same way."""


def note_ready() -> None:
    """Record that a child has loaded its models."""
    _ready.value = 1


def note_loading() -> None:
    """Record that a new child loads its models."""
    _ready.value = 0


def is_ready() -> bool:
    """Return whether a child has loaded its models."""
    return bool(_ready.value)


def note_failure(sentence: str) -> None:
    """Record why the worker has to end with status 1; a child records it for its parent."""
    text = sentence.encode()[: len(_failure)]
    _failure[: len(text)] = list(text)


def get_failure() -> str:
    """Return why the worker has to end with status 1; empty if nothing failed."""
    return bytes(_failure[:]).rstrip(b"\0").decode(errors="replace")


def note_task() -> None:
    """Count a received message."""
    with _counting:
        _received.value += 1


def count_received() -> int:
    """Return the number of messages that this worker and its children have received."""
    return int(_received.value)


def note_stopping() -> None:
    """Record that the worker is stopping, for its children."""
    _stopping.value = 1


def is_stopping() -> bool:
    """Return whether the worker is stopping and must start no new work."""
    return bool(_stopping.value)


class WorkerHeartbeat:
    """Renews a worker's row on a thread until stopped."""

    def __init__(
        self, database: Database, status: workers.WorkerStatus, list_rerankers: Callable[[], tuple[str, ...]] = tuple
    ) -> None:
        """Prepare the thread; nothing is written before `start`.

        Args:
            database: The database.
            status: The properties that do not change.
            list_rerankers: Returns the rerankers that work now.
        """
        self._database = database
        self._status = status
        self._list_rerankers = list_rerankers
        self._stop = threading.Event()
        self._seen = 0
        self._beat_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="worker-heartbeat", daemon=True)

    def start(self) -> None:
        """Start writing the row; while the database is unavailable, the thread tries again."""
        self._thread.start()

    def has_died(self) -> bool:
        """Return whether the thread was started and has ended although the worker runs."""
        return self._thread.ident is not None and not self._thread.is_alive() and not self._stop.is_set()

    def measure_age_s(self) -> float:
        """Return the seconds since the last heartbeat that was stored, or since this object was created."""
        return time.monotonic() - self._beat_at

    def stop(self) -> None:
        """Delete the row, since the worker ends without a failure."""
        self._stop.set()
        try:
            with self._database.system() as session:
                workers.delete(session, self._status.id)
        except DatabaseUnavailable:
            log.warning("the database is unavailable; the row of this worker expires without renewal")

    def _run(self) -> None:
        pause_s = 0.0
        while not self._stop.wait(pause_s):
            pause_s = HEARTBEAT_INTERVAL_S
            try:
                self._beat()
            except Exception as error:  # noqa: BLE001 - a missed heartbeat must not prevent the next one
                pause_s = RETRY_S
                log.warning("worker heartbeat failed", error=str(error))

    def _beat(self) -> None:
        received = _received.value
        status = replace(self._status, rerankers=self._list_rerankers())
        with self._database.system() as session:
            workers.record_heartbeat(session, status, took_task=received != self._seen)
        self._seen = received
        self._beat_at = time.monotonic()
