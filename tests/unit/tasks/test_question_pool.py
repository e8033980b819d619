"""The pool of a query worker: wakes the event loop after each question, and stops in limited time."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest

from tasks import question_pool
from tasks.question_pool import QuestionPool


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> QuestionPool:
    monkeypatch.setattr(question_pool, "SOFT_SHUTDOWN_S", 2.0)
    return QuestionPool(2)


def test_a_question_that_ended_wakes_the_event_loop(pool: QuestionPool) -> None:
    woken = threading.Event()
    pool.register_with_event_loop(SimpleNamespace(call_soon=lambda _callback: woken.set()))
    pool.apply_async(lambda: None, callback=lambda _: None)
    assert woken.wait(5)
    pool.on_stop()


def test_a_stop_waits_for_running_questions(pool: QuestionPool) -> None:
    started, ended = threading.Event(), threading.Event()

    def answer() -> None:
        started.set()
        time.sleep(0.05)
        ended.set()

    pool.apply_async(answer, callback=lambda _: None)
    assert started.wait(5)
    pool.on_stop()
    assert ended.is_set()


def test_a_stop_does_not_wait_without_limit_and_starts_nothing_new(pool: QuestionPool) -> None:
    release = threading.Event()
    for _ in range(2):
        pool.apply_async(lambda: release.wait(30), callback=lambda _: None)
    third = pool.apply_async(lambda: None, callback=lambda _: None)
    started = time.monotonic()
    pool.on_stop()
    pool.on_stop()  # Celery stops a pool twice in a cold shutdown
    elapsed = time.monotonic() - started
    release.set()
    assert elapsed < 5
    assert third.f.cancelled()
