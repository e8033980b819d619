"""The circuit breaker: opens after failures in a row, allows one attempt after a pause."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.errors import Cancelled, LlmUnreachable, ModelUnavailable
from pipeline.rerank.circuit_breaker import CircuitBreaker
from pipeline.rerank.fallback import FallbackReranker
from pipeline.rerank.llm_pointwise import LlmPointwiseReranker
from pipeline.rerank.recall_order import RecallOrderReranker
from pipeline.types import RerankResult
from tests.answer_fakes import FakeChat, candidates, order


def test_breaker__opens_after_failures_in_a_row_and_retries_after_a_pause() -> None:
    now = [0.0]
    chat = FakeChat(LlmUnreachable("It is unreachable."))
    breaker = CircuitBreaker(LlmPointwiseReranker(chat), failures=3, pause_s=60, clock=lambda: now[0])
    chain = FallbackReranker(breaker, RecallOrderReranker())
    for _ in range(3):
        assert "It is unreachable." in chain.rerank("q", candidates(2), deadline_s=5.0).fallbacks[0].reason
    chat.requests.clear()
    now[0] = 59.0
    result = chain.rerank("q", candidates(2), deadline_s=5.0)
    assert chat.requests == []
    assert order(result) == [1, 2]
    assert "Skipped after 3 failures in a row; the next attempt is possible in 1 s." in result.fallbacks[0].reason
    assert "It is unreachable." in result.fallbacks[0].reason
    now[0] = 61.0
    chain.rerank("q", candidates(2), deadline_s=5.0)
    assert chat.requests, "no attempt after the pause"
    chat.requests.clear()
    chain.rerank("q", candidates(2), deadline_s=5.0)
    assert chat.requests == [], "the failed attempt did not open it again"


def test_breaker__success_resets_the_count() -> None:
    unreachable: str | Exception = LlmUnreachable("It is unreachable.")
    answers = [unreachable, unreachable, '{"score": 5}', unreachable, unreachable, '{"score": 5}']
    chat = FakeChat(lambda messages: answers.pop(0))
    breaker = CircuitBreaker(LlmPointwiseReranker(chat), failures=3)
    for _ in range(6):
        breaker.rerank("q", candidates(1), deadline_s=5.0)
    assert answers == []


def test_breaker__errors_count_and_cancellations_do_not() -> None:
    class Raising(RecallOrderReranker):
        error: Exception = Cancelled()

        def rerank(self, *args: Any, **options: Any) -> RerankResult:
            raise self.error

    raising = Raising()
    breaker = CircuitBreaker(raising, failures=1)
    for _ in range(3):
        with pytest.raises(Cancelled):
            breaker.rerank("q", candidates(1), deadline_s=5.0)
    raising.error = RuntimeError("x")
    with pytest.raises(RuntimeError):
        breaker.rerank("q", candidates(1), deadline_s=5.0)
    with pytest.raises(ModelUnavailable):
        breaker.rerank("q", candidates(1), deadline_s=5.0)


def test_breaker__no_candidates_is_not_a_failure() -> None:
    breaker = CircuitBreaker(LlmPointwiseReranker(FakeChat("x")), failures=1)
    for _ in range(3):
        assert breaker.rerank("q", [], deadline_s=5.0).ranked == ()
    assert breaker.estimate("q", candidates(2)).calls == 2
    assert breaker.method == "llm-pointwise"
