"""Fallback chains: what they record, and that their result is a full permutation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from pipeline.errors import Cancelled, LlmUnreachable
from pipeline.rerank.fallback import FallbackReranker
from pipeline.rerank.late_interaction import LateInteractionReranker
from pipeline.rerank.recall_order import RecallOrderReranker
from pipeline.rerank.results import failed_result, rank_by_recall
from pipeline.types import Candidate, RankedCandidate, RerankResult, Usage
from tests.answer_fakes import WordEmbedder, candidate, candidates, order


class Failing:
    """A reranker that raises an error."""

    method = "failing"

    def __init__(self, error: Exception) -> None:
        self._error = error

    def rerank(
        self,
        question: str,
        candidates: Sequence[Candidate],
        *,
        deadline_s: float,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> RerankResult:
        raise self._error


class Scripted(Failing):
    """A reranker that returns a prepared result and records its deadlines."""

    method = "scripted"

    def __init__(self, result: RerankResult) -> None:
        self._result = result
        self.deadlines_s: list[float] = []

    def rerank(
        self,
        question: str,
        candidates: Sequence[Candidate],
        *,
        deadline_s: float,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> RerankResult:
        self.deadlines_s.append(deadline_s)
        return self._result


def test_fallback__records_the_failure_and_its_replacement() -> None:
    chain = FallbackReranker(Failing(LlmUnreachable()), LateInteractionReranker(WordEmbedder()))
    result = chain.rerank("Passage number 2", candidates(3), deadline_s=5.0)
    assert chain.method == "failing"
    assert result.method == "late-interaction"
    assert [(f.stage, f.method, f.used) for f in result.fallbacks] == [("rerank", "failing", "late-interaction")]
    assert "LlmUnreachable: The language model endpoint cannot be reached." in result.fallbacks[0].reason


def test_fallback__all_methods_fail() -> None:
    chain = FallbackReranker(Failing(RuntimeError("x")), Failing(MemoryError("y")))
    result = chain.rerank("q", candidates(3), deadline_s=5.0)
    assert order(result) == [1, 2, 3]
    assert result.method == "none"
    assert [f.used for f in result.fallbacks] == ["none", "none"]


def test_fallback__keeps_the_usage_of_a_failed_method() -> None:
    found = candidates(2)
    gave_up = Scripted(failed_result(found, "scripted", "nonsense", Usage(4, 40, 4, 0.1), ("hash",)))
    result = FallbackReranker(gave_up, RecallOrderReranker()).rerank("q", found, deadline_s=5.0)
    assert result.usage == Usage(4, 40, 4, 0.1)
    assert result.prompt_hashes == ("hash",)
    assert result.ranked[0].flags == ()
    assert [(f.method, f.used, f.reason) for f in result.fallbacks] == [("scripted", "none", "nonsense")]


@pytest.mark.parametrize(
    "ranked",
    [
        (),
        (RankedCandidate(candidate(1), 1, 0.5),),
        (RankedCandidate(candidate(1), 1, 0.5), RankedCandidate(candidate(1), 2, 0.5)),
        (RankedCandidate(candidate(1), 1, 0.5), RankedCandidate(candidate(2), 1, 0.5)),
        (RankedCandidate(candidate(1), 1, 9.5), RankedCandidate(candidate(2), 2, 0.5)),
    ],
)
def test_fallback__rejects_a_result_that_is_no_permutation(ranked: tuple[RankedCandidate, ...]) -> None:
    result = FallbackReranker(Scripted(RerankResult(ranked, "scripted"))).rerank("q", candidates(2), deadline_s=5.0)
    assert order(result) == [1, 2]
    assert "not a permutation of the candidates" in result.fallbacks[0].reason


def test_fallback__leaves_time_for_the_next_method() -> None:
    found = candidates(1)
    first, second = (
        Scripted(failed_result(found, "scripted", "x")),
        Scripted(RerankResult(rank_by_recall(found, "scripted"), "scripted")),
    )
    FallbackReranker(first, second, RecallOrderReranker()).rerank("q", found, deadline_s=8.0)
    assert 5.0 < first.deadlines_s[0] <= 6.0
    assert 6.0 < second.deadlines_s[0] <= 8.0


def test_fallback__cancellation_is_raised() -> None:
    with pytest.raises(Cancelled):
        FallbackReranker(Failing(Cancelled())).rerank("q", candidates(1), deadline_s=5.0)


def test_fallback__no_candidates() -> None:
    assert FallbackReranker(LateInteractionReranker(WordEmbedder())).rerank("q", [], deadline_s=5.0).ranked == ()
