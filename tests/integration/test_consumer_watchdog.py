"""A worker ends if its queue has messages, it has no work, and Celery's consumer receives nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from db import jobs
from tasks import consumer_watchdog
from tasks.consumer_watchdog import STALLED_AFTER_SWEEPS, ConsumerWatchdog
from tasks.worker_heartbeat import note_loading, note_ready, note_task

WAITING = {"ingest": 2, "query": 0}


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    monkeypatch.setattr(consumer_watchdog, "STALLED_AFTER_S", 0.0)
    note_ready()
    yield []
    note_loading()


@pytest.fixture
def watchdog(library, ended) -> ConsumerWatchdog:
    watchdog = ConsumerWatchdog(library.database, "w", "ingest", ended.append)
    watchdog.observe({"ingest": 0, "query": 0})
    return watchdog


def publish(library, count: int = 2) -> list[int]:
    numbers = [library.submit({"source": str(n)}) for n in range(count)]
    with library.database.system() as session:
        jobs.mark_published(session, numbers)
    return numbers


def observe(watchdog, messages=WAITING) -> None:
    for _ in range(STALLED_AFTER_SWEEPS):
        watchdog.observe(messages)


def test_stalled_consumer__ends_the_worker_with_the_reason(library, watchdog, ended):
    publish(library)
    observe(watchdog)
    assert len(ended) == 1
    assert "received no message from the queue ingest" in ended[0]


def test_stalled_consumer__not_before_the_time_has_passed(library, watchdog, ended, monkeypatch):
    monkeypatch.setattr(consumer_watchdog, "STALLED_AFTER_S", 30.0)
    publish(library)
    observe(watchdog)
    assert ended == []


def test_no_stall__a_message_was_received(library, watchdog, ended):
    publish(library)
    for _ in range(2 * STALLED_AFTER_SWEEPS):
        watchdog.observe(WAITING)
        note_task()
    assert ended == []


def test_no_stall__the_worker_has_a_job(library, watchdog, ended):
    first, _ = publish(library)
    library.claim(first)
    observe(watchdog)
    assert ended == []


def test_no_stall__the_worker_has_chunks(library, watchdog, ended):
    publish(library)
    lease = library.claim(library.submit_bytes("a.txt", b"a"))
    library.store(lease, ["a"])
    library.run("UPDATE embedding_queue SET claim_owner = 'w', claim_expires = now() + interval '1 minute'")
    library.run(f"UPDATE jobs SET lease_owner = 'other' WHERE id = {lease.job_id}")
    observe(watchdog)
    assert ended == []


def test_no_stall__nothing_waits(library, watchdog, ended):
    observe(watchdog)  # messages of jobs that were cancelled
    publish(library)
    observe(watchdog, {"ingest": 0, "query": 5})
    note_loading()
    observe(watchdog)
    assert ended == []
