"""Turns at the models: one at a time, in the order of arrival, short inferences first, none without limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from pipeline.backends.models.turns import MAX_SHORT_IN_A_ROW, ModelTurns

WAIT_S = 5.0


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


class _Queue:
    """Threads that wait for a turn one after the other, and the order in which they get it."""

    def __init__(self, turns: ModelTurns) -> None:
        self.order: list[str] = []
        self._turns = turns
        self._threads: list[threading.Thread] = []

    def add(self, name: str, *, short: bool = False) -> None:
        waiting = self._count_waiting()
        thread = threading.Thread(target=self._run, args=(name, short), daemon=True)
        self._threads.append(thread)
        thread.start()
        _wait_until(lambda: self._count_waiting() > waiting)

    def finish(self) -> list[str]:
        for thread in self._threads:
            thread.join(WAIT_S)
            assert not thread.is_alive()
        return self.order

    def _run(self, name: str, short: bool) -> None:
        with self._turns.take(short=short):
            self.order.append(name)

    def _count_waiting(self) -> int:
        return sum(map(len, self._turns._waiting.values()))


def test_turns_are_taken_in_the_order_of_arrival() -> None:
    turns = ModelTurns()
    queue = _Queue(turns)
    with turns.take():
        for name in "abcde":
            queue.add(name)
    assert queue.finish() == list("abcde")


@pytest.mark.parametrize("count", [1, 3])
def test_no_more_threads_than_turns(count: int) -> None:
    turns = ModelTurns(count)
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(50):
            with turns.take():
                inside += 1
                most = max(most, inside)
                time.sleep(0)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert 1 <= most <= count
    assert turns._free == count


def test_a_thread_that_returns_at_once_goes_behind_those_that_wait() -> None:
    turns = ModelTurns()
    queue = _Queue(turns)
    with turns.take():
        queue.add("other question")
    with turns.take():  # the second batch of the first question
        queue.order.append("second batch")
    assert queue.finish() == ["other question", "second batch"]


def test_a_short_inference_goes_before_long_ones() -> None:
    turns = ModelTurns()
    queue = _Queue(turns)
    with turns.take():
        queue.add("long")
        queue.add("longer")
        queue.add("short", short=True)
    assert queue.finish() == ["short", "long", "longer"]


def test_a_long_inference_waits_for_a_limited_number_of_short_ones() -> None:
    turns = ModelTurns()
    queue = _Queue(turns)
    with turns.take():
        queue.add("long")
        for _ in range(2 * MAX_SHORT_IN_A_ROW):
            queue.add("short", short=True)
    assert queue.finish().index("long") == MAX_SHORT_IN_A_ROW


def test_an_error_passes_the_turn_on() -> None:
    turns = ModelTurns()
    with pytest.raises(ValueError, match="model"), turns.take():
        raise ValueError("model")
    with turns.take():
        pass
    assert turns._free == 1
