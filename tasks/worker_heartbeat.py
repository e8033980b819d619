"""The heartbeat of a worker: its row in Postgres, renewed by the parent process, with the time of its last message."""

from __future__ import annotations

import threading
from multiprocessing import Array, Value

import structlog

from db import workers
from db.engine import Database
from pipeline.errors import DatabaseUnavailable

log = structlog.get_logger(__name__)

HEARTBEAT_INTERVAL_S = 5.0
_taken = Value("Q", 0)
"""Messages taken, shared between the worker's parent and its children (made before the fork)."""
_stopping = Value("b")
"""Whether the worker was told to stop; shared in the same way."""


_ready = Value("b")
"""Whether a child has loaded its models; shared in the same way."""
_failure = Array("B", 4000)
"""Why a child could not start; shared in the same way."""


def note_ready() -> None:
    """Tell the parent that a child has loaded its models."""
    _ready.value = 1


def is_ready() -> bool:
    """Whether a child has loaded its models."""
    return bool(_ready.value)


def note_failure(sentence: str) -> None:
    """Tell the parent why a child could not start."""
    text = sentence.encode()[: len(_failure)]
    _failure[: len(text)] = list(text)


def get_failure() -> str:
    """Why a child could not start; empty when none failed."""
    return bytes(_failure[:]).rstrip(b"\0").decode(errors="replace")


def note_task() -> None:
    """Remember that a message was taken."""
    with _taken.get_lock():
        _taken.value += 1


def note_stopping() -> None:
    """Tell the children that the worker was told to stop."""
    _stopping.value = 1


def is_stopping() -> bool:
    """Whether to begin nothing new."""
    return bool(_stopping.value)


class WorkerHeartbeat:
    """Keeps a worker's row fresh on a thread until stopped."""

    def __init__(self, database: Database, sign: workers.WorkerStatus) -> None:
        """Describe the worker; nothing is written before `start`."""
        self._database = database
        self._sign = sign
        self._stop = threading.Event()
        self._seen = 0
        self._thread = threading.Thread(target=self._run, name="signs", daemon=True)

    def start(self) -> None:
        """Write the row and keep it fresh."""
        self._beat()
        self._thread.start()

    def stop(self) -> None:
        """Take the row away: the worker left in good order."""
        self._stop.set()
        try:
            with self._database.system() as session:
                workers.delete(session, self._sign.id)
        except DatabaseUnavailable:
            log.warning("database away, the worker's row stays until it is forgotten")

    def _run(self) -> None:
        while not self._stop.wait(HEARTBEAT_INTERVAL_S):
            try:
                self._beat()
            except Exception as error:  # noqa: BLE001 - whatever happens to one sign of life, the next must come
                log.warning("sign of life missed", error=str(error))

    def _beat(self) -> None:
        taken = _taken.value
        with self._database.system() as session:
            workers.record_heartbeat(session, self._sign, took_task=taken != self._seen)
        self._seen = taken
