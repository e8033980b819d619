"""The thread that publishes: nobody waits for it, and a broker that failed has a rest."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tasks.submit import BackgroundPublisher, QueuedJobs

PATIENCE_S = 30


class Broker:
    """Takes jobs, or hangs or fails as the test says."""

    def __init__(self) -> None:
        self.taken: list[tuple[int, str]] = []
        self.tries = 0
        self.there = True
        self.answers = threading.Event()
        self.answers.set()
        self.asked = threading.Event()

    def publish(self, numbered: QueuedJobs) -> bool:
        self.tries += 1
        self.asked.set()
        assert self.answers.wait(PATIENCE_S)
        if self.there:
            self.taken += numbered
        return self.there


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.answers.set()


def test_background__nobody_waits_for_a_broker_that_hangs_and_what_waited_is_published_together(broker):
    broker.answers.clear()
    background = BackgroundPublisher(broker.publish)
    assert background.enqueue([(1, "query")])
    assert broker.asked.wait(PATIENCE_S)
    assert all(background.enqueue([(number, "query")]) for number in range(2, 50))
    broker.answers.set()
    background.close(PATIENCE_S)
    assert broker.taken == [(number, "query") for number in range(1, 50)]
    assert broker.tries == 2


def test_background__a_broker_that_failed_has_a_rest(broker):
    broker.there = False
    background = BackgroundPublisher(broker.publish, pause_s=3600)
    assert background.enqueue([(1, "query")])
    background.close(PATIENCE_S)
    broker.there = True
    assert not background.enqueue([(2, "query")])
    assert (broker.tries, broker.taken) == (1, [])


def test_background__closing_does_not_wait_for_a_broker_that_hangs(broker):
    broker.answers.clear()
    background = BackgroundPublisher(broker.publish)
    background.enqueue([(1, "query")])
    assert broker.asked.wait(PATIENCE_S)
    background.close(0.01)
    assert broker.taken == []
