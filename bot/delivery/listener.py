"""A thread that hears which deliveries change and tells the event loop; nothing depends on what it hears."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable

import structlog

from db.notify import watch_deliveries
from pipeline.errors import RefdeskError

log = structlog.get_logger(__name__)

Tell = Callable[[frozenset[int] | None], None]
IDLE_S = 1.0
MAX_PAUSE_S = 30.0


class NotificationListener:
    """Listens on a database connection of its own and connects again, with growing pauses, whenever it breaks."""

    def __init__(
        self, url: str, loop: asyncio.AbstractEventLoop, tell: Callable[[frozenset[int] | None], None]
    ) -> None:
        """Call `tell` in the loop with numbers of deliveries, or with None: anything may have changed."""
        self._url = url
        self._loop = loop
        self._tell = tell
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._heard: set[int] = set()
        self._thread = threading.Thread(target=self._run, name="delivery-listener", daemon=True)
        self.listening = False

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """End within a second or so; the thread keeps nothing alive."""
        self._stopped.set()

    def join(self) -> None:
        """Wait for the end."""
        if self._thread.is_alive():
            self._thread.join(timeout=2 * IDLE_S)

    def _run(self) -> None:
        pause_s = 0.5
        while not self._stopped.is_set():
            try:
                self._listen()
                pause_s = 0.5
            except RefdeskError as error:
                log.warning("not listening for deliveries, looking at them instead", error=error.name)
            except Exception:
                log.exception("listening for deliveries failed")
            self.listening = False
            self._stopped.wait(pause_s * random.uniform(0.8, 1.2))  # noqa: S311 - spreads load, hides nothing
            pause_s = min(MAX_PAUSE_S, pause_s * 2)

    def _listen(self) -> None:
        for number in watch_deliveries(self._url, idle_s=IDLE_S):
            if self._stopped.is_set():
                return
            if number is not None:
                self._hear(number)
            elif not self.listening:
                # From here on nothing is missed; what changed before is to be looked at once.
                self.listening = True
                self._call(self._tell, None)

    def _hear(self, number: int) -> None:
        with self._lock:
            first = not self._heard
            self._heard.add(number)
        # A flood of notices becomes one call: the loop takes all that was heard until it gets to it.
        if first:
            self._call(self._pass_on)

    def _pass_on(self) -> None:
        with self._lock:
            heard, self._heard = frozenset(self._heard), set()
        self._tell(heard)

    def _call(self, function: Callable[..., None], *args: object) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:  # the loop is closed, so nobody is left to tell
            self._stopped.set()
