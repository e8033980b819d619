"""A thread that listens for changed deliveries. It only reduces latency: every claimed delivery is also polled."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable

import structlog

from db.engine import Database
from db.notify import watch_deliveries
from pipeline.errors import RefdeskError

log = structlog.get_logger(__name__)

IDLE_S = 1.0
FIRST_RETRY_S = 0.5
MAX_RETRY_S = 30.0


class NotificationListener:
    """Listens on a separate database connection, and reconnects with exponential backoff."""

    def __init__(
        self, database: Database, loop: asyncio.AbstractEventLoop, on_change: Callable[[frozenset[int] | None], None]
    ) -> None:
        """Create a listener.

        Args:
            database: The database.
            loop: The event loop in which `on_change` is called.
            on_change: Receives the IDs of changed deliveries, or None when any may have changed.
        """
        self._database = database
        self._loop = loop
        self._on_change = on_change
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._changed: set[int] = set()
        self._thread = threading.Thread(target=self._run, name="delivery-listener", daemon=True)
        self.listening = False

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread within about a second; a daemon thread never delays the end of the process."""
        self._stopped.set()

    def join(self) -> None:
        """Wait for the end of the thread."""
        if self._thread.is_alive():
            self._thread.join(timeout=2 * IDLE_S)

    def _run(self) -> None:
        retry_s = FIRST_RETRY_S
        while not self._stopped.is_set():
            try:
                self._listen()
                retry_s = FIRST_RETRY_S
            except RefdeskError as error:
                log.warning("cannot listen for deliveries, polling instead", error=error.name)
            except Exception:
                log.exception("listening for deliveries failed")
            self.listening = False
            self._stopped.wait(retry_s * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, not a secret
            retry_s = min(MAX_RETRY_S, retry_s * 2)

    def _listen(self) -> None:
        for delivery_id in watch_deliveries(self._database, idle_s=IDLE_S):
            if self._stopped.is_set():
                return
            if delivery_id is not None:
                self._add(delivery_id)
            elif not self.listening:
                # No notification is missed from here on. Earlier changes are read once.
                self.listening = True
                self._call_in_loop(self._on_change, None)

    def _add(self, delivery_id: int) -> None:
        with self._lock:
            is_first = not self._changed
            self._changed.add(delivery_id)
        # Many notifications become one call: the event loop takes all IDs that were added until it runs the call.
        if is_first:
            self._call_in_loop(self._flush)

    def _flush(self) -> None:
        with self._lock:
            changed, self._changed = frozenset(self._changed), set()
        self._on_change(changed)

    def _call_in_loop(self, function: Callable[..., None], *args: object) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:  # the event loop is closed
            self._stopped.set()
