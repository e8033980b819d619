"""A circuit breaker: a method whose endpoint is in trouble is left alone for a while and delays no more questions.

Nygard, "Release It!" (2007): after some failures in a row calls are not made any more; after a pause one is let
through, and its outcome decides. Each process keeps its own count.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from time import monotonic

from pipeline.errors import Cancelled, LeaseLost, ModelUnavailable
from pipeline.ports import Reranker
from pipeline.rerank.cost_estimates import estimate_usage
from pipeline.rerank.results import UNSCORED
from pipeline.types import Candidate, RerankResult, Usage

FAILURES = 3
PAUSE_S = 60.0


class CircuitBreaker:
    """Passes questions on to a method, unless it has just failed several times in a row."""

    def __init__(
        self,
        reranker: Reranker,
        *,
        failures: int = FAILURES,
        pause_s: float = PAUSE_S,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Take the method, how many failures open the circuit, for how long, and what tells the time."""
        self._reranker = reranker
        self._most = failures
        self._pause_s = pause_s
        self._clock = clock
        self._lock = threading.Lock()
        self._failed = 0
        self._closed_from = 0.0
        self._last = ""

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
        """Rerank, or raise `ModelUnavailable` while the method is left alone."""
        self._check()
        try:
            result = self._reranker.rerank(question, candidates, deadline_s=deadline_s, on_progress=on_progress)
        except (Cancelled, LeaseLost):
            raise
        except Exception as error:
            self._note(str(error))
            raise
        gave_up = bool(candidates) and all(UNSCORED in ranked.flags for ranked in result.ranked)
        self._note(result.fallbacks[0].reason if gave_up and result.fallbacks else "", failed=gave_up)
        return result

    def estimate(self, question: str, candidates: Sequence[Candidate]) -> Usage:
        """Estimate what the method will cost."""
        return estimate_usage(self._reranker, question, candidates)

    def _check(self) -> None:
        with self._lock:
            left = self._closed_from - self._clock()
            if self._failed < self._most or left <= 0:
                return
            raise ModelUnavailable(
                f"It failed {self._failed} times in a row and is left alone for {left:.0f} s more. {self._last}"
            )

    def _note(self, reason: str, *, failed: bool = True) -> None:
        with self._lock:
            self._failed = self._failed + 1 if failed else 0
            self._last = reason
            self._closed_from = self._clock() + self._pause_s
