"""The pool of a query worker: Celery's threads pool, with a limited wait when the worker stops.

With late acknowledgement and a prefetch multiplier of 1, Celery reserves as many messages as there are threads, those
of running questions included. A question therefore never waits in one worker while a thread of another one is free.
"""

from __future__ import annotations

from concurrent.futures import Future, wait
from time import monotonic
from typing import Any

from celery.concurrency.thread import ApplyResult, TaskPool

from tasks.app import SOFT_SHUTDOWN_S


class QuestionPool(TaskPool):
    """Threads that answer questions."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Create the pool; threads start with the first questions."""
        super().__init__(*args, **options)
        self._hub: Any = None
        self._running: set[Future[Any]] = set()
        self._stop_at: float | None = None

    def register_with_event_loop(self, loop: Any) -> None:
        """Store the event loop, which receives the messages."""
        self._hub = loop

    def on_apply(self, *args: Any, **options: Any) -> ApplyResult:
        """Run a task in a thread."""
        result = super().on_apply(*args, **options)
        self._running.add(result.f)
        result.f.add_done_callback(self._on_done)
        return result

    def on_stop(self) -> None:
        """Wait for the running questions up to the soft shutdown timeout; `release_running` releases the others."""
        self.executor.shutdown(wait=False, cancel_futures=True)
        if self._stop_at is None:
            self._stop_at = monotonic() + SOFT_SHUTDOWN_S
        wait(set(self._running), timeout=max(0.0, self._stop_at - monotonic()))

    def on_terminate(self) -> None:
        """Start no further question. A thread cannot be ended; the process ends with it."""
        self.executor.shutdown(wait=False, cancel_futures=True)

    def terminate_job(self, pid: int, signal: int | None = None) -> None:
        """Do nothing: a question ends by its cancellation request or when its lease is released."""

    def _on_done(self, future: Future[Any]) -> None:
        self._running.discard(future)
        if self._hub is not None:
            # Without a wake-up the event loop would ask for the next message after up to a second.
            self._hub.call_soon(_wake)


def _wake() -> None:
    """Do nothing; the event loop runs this between two waits for messages."""
