"""A circuit breaker: a method that failed repeatedly is skipped for a while, so that it does not delay questions.

Nygard, "Release It!" (2007): after several failures in a row the circuit opens and calls are rejected. After a pause
one call is allowed, and its outcome closes the circuit or opens it again. Each process has a separate count.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from time import monotonic

from pipeline.errors import Cancelled, LeaseLost, ModelUnavailable
from pipeline.ports import Reranker
from pipeline.rerank.cost_estimates import estimate_usage
from pipeline.rerank.reasons import Explanation, explain_with
from pipeline.rerank.results import UNSCORED
from pipeline.types import Candidate, RerankResult, Usage

FAILURES = 3
PAUSE_S = 60.0


class CircuitBreaker:
    """A reranker that skips another one while its circuit is open."""

    def __init__(
        self,
        reranker: Reranker,
        *,
        failures: int = FAILURES,
        pause_s: float = PAUSE_S,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Create a closed circuit.

        Args:
            reranker: The method.
            failures: Failures in a row that open the circuit.
            pause_s: Seconds that it stays open.
            clock: Returns the time in seconds.
        """
        self._reranker = reranker
        self._max_failures = failures
        self._pause_s = pause_s
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._retry_at = 0.0
        self._last_reason = ""

    @property
    def method(self) -> str:
        """The name of the method."""
        return self._reranker.method

    def rerank(
        self,
        question: str,
        candidates: Sequence[Candidate],
        *,
        deadline_s: float,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> RerankResult:
        """Rerank with the method.

        Raises:
            ModelUnavailable: The circuit is open.
        """
        self._check()
        try:
            result = self._reranker.rerank(question, candidates, deadline_s=deadline_s, on_progress=on_progress)
        except (Cancelled, LeaseLost):
            raise
        except Exception as error:
            self._record(str(error))
            raise
        gave_up = bool(candidates) and all(UNSCORED in ranked.flags for ranked in result.ranked)
        self._record(result.fallbacks[0].reason if gave_up and result.fallbacks else "", failed=gave_up)
        return result

    def estimate(self, question: str, candidates: Sequence[Candidate]) -> Usage:
        """Estimate the cost of the method."""
        return estimate_usage(self._reranker, question, candidates)

    def explain(self, question: str, passages: Sequence[Candidate], *, deadline_s: float, spent: Usage) -> Explanation:
        """Return the reasons of the method."""
        return explain_with(self._reranker, question, passages, deadline_s=deadline_s, spent=spent)

    def _check(self) -> None:
        with self._lock:
            left = self._retry_at - self._clock()
            if self._failures < self._max_failures or left <= 0:
                return
            raise ModelUnavailable(
                f"Skipped after {self._failures} failures in a row; the next attempt is possible in {left:.0f} s."
                f" Last failure: {self._last_reason}"
            )

    def _record(self, reason: str, *, failed: bool = True) -> None:
        with self._lock:
            self._failures = self._failures + 1 if failed else 0
            self._last_reason = reason
            self._retry_at = self._clock() + self._pause_s
