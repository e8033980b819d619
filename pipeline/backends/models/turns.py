"""Turns at a model: as many inferences at a time as it runs in parallel, in the order of arrival.

A turn is held for one inference (one batch), so that a question waits for one batch of another question's passages and
not for all.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

MAX_SHORT_IN_A_ROW = 8
"""Short inferences that may go before a waiting long one."""


class ModelTurns:
    """A fair semaphore: short inferences go first, each kind in the order of arrival, and none waits without limit."""

    def __init__(self, count: int = 1) -> None:
        """Create a semaphore with `count` free turns."""
        self._lock = threading.Lock()
        self._free = count
        self._waiting: dict[bool, deque[threading.Lock]] = {True: deque(), False: deque()}
        self._short_in_a_row = 0

    @contextmanager
    def take(self, *, short: bool = False) -> Iterator[None]:
        """Hold a turn inside the context; not reentrant.

        Args:
            short: Whether the inference takes a few milliseconds, such as embedding one question.
        """
        self._acquire(short=short)
        try:
            yield
        finally:
            self._release()

    def _acquire(self, *, short: bool) -> None:
        turn = threading.Lock()
        turn.acquire()
        with self._lock:
            if self._free:
                self._free -= 1
                return
            self._waiting[short].append(turn)
        try:
            turn.acquire()  # released by `_release` of the thread before
        except BaseException:  # a signal handler of the main thread raised
            with self._lock:
                passed_on = turn not in self._waiting[short]
                if not passed_on:
                    self._waiting[short].remove(turn)
            if passed_on:
                self._release()
            raise

    def _release(self) -> None:
        with self._lock:
            short, long = self._waiting[True], self._waiting[False]
            if short and (not long or self._short_in_a_row < MAX_SHORT_IN_A_ROW):
                self._short_in_a_row += 1
                short.popleft().release()
            elif long:
                self._short_in_a_row = 0
                long.popleft().release()
            else:
                self._short_in_a_row = 0
                self._free += 1


torch_turns = ModelTurns()
"""The turns of all models that run on torch: each inference uses all cores."""
