"""The background publisher: callers never wait, and it pauses after a failure of the broker."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tasks.submit import BackgroundPublisher, QueuedJobs

TIMEOUT_S = 30


class Broker:
    """A broker that accepts jobs, hangs or fails."""

    def __init__(self) -> None:
        self.accepted: list[tuple[int, str]] = []
        self.tries = 0
        self.reachable = True
        self.responds = threading.Event()
        self.responds.set()
        self.called = threading.Event()

    def publish(self, queued: QueuedJobs) -> bool:
        self.tries += 1
        self.called.set()
        assert self.responds.wait(TIMEOUT_S)
        if self.reachable:
            self.accepted += queued
        return self.reachable


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.responds.set()


def test_background__jobs_that_wait_for_a_hanging_broker_are_published_together(broker):
    broker.responds.clear()
    background = BackgroundPublisher(broker.publish)
    assert background.enqueue([(1, "query")])
    assert broker.called.wait(TIMEOUT_S)
    assert all(background.enqueue([(number, "query")]) for number in range(2, 50))
    broker.responds.set()
    background.close(TIMEOUT_S)
    assert broker.accepted == [(number, "query") for number in range(1, 50)]
    assert broker.tries == 2


def test_background__pauses_after_a_failure(broker):
    broker.reachable = False
    background = BackgroundPublisher(broker.publish, pause_s=3600)
    assert background.enqueue([(1, "query")])
    background.close(TIMEOUT_S)
    broker.reachable = True
    assert not background.enqueue([(2, "query")])
    assert (broker.tries, broker.accepted) == (1, [])


def test_background__closing_does_not_wait_for_a_hanging_broker(broker):
    broker.responds.clear()
    background = BackgroundPublisher(broker.publish)
    background.enqueue([(1, "query")])
    assert broker.called.wait(TIMEOUT_S)
    background.close(0.01)
    assert broker.accepted == []
