"""Cascades: fewer candidates per stage, and the result when stages fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from pipeline.errors import Cancelled, LlmUnreachable, UnknownName
from pipeline.ports import Reranker
from pipeline.rerank import build_cascade, estimate_usage, top_k_of
from pipeline.rerank.cascade import CascadeReranker
from pipeline.rerank.fallback import FallbackReranker
from pipeline.rerank.llm_pointwise import LlmPointwiseReranker
from pipeline.rerank.recall_order import RecallOrderReranker
from pipeline.rerank.results import CandidateScore, is_full_permutation, rank_by_score
from pipeline.types import Candidate, RerankResult, Usage
from tests.answer_fakes import FakeChat, candidates, order


class ByNumber:
    """Orders by a key of the candidate's number and records its candidates and deadline."""

    def __init__(self, method: str, key: Callable[[int], float] | Exception) -> None:
        self.method = method
        self._key = key
        self.read: list[int] = []
        self.deadline_s = 0.0

    def rerank(
        self,
        question: str,
        candidates: Sequence[Candidate],
        *,
        deadline_s: float,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> RerankResult:
        self.read, self.deadline_s = [c.chunk_id for c in candidates], deadline_s
        if isinstance(self._key, Exception):
            raise self._key
        scored = [CandidateScore(self._key(c.chunk_id)) for c in candidates]
        ranked = rank_by_score(candidates, scored, self.method)
        return RerankResult(ranked, self.method, usage=Usage(1, 10, 1), prompt_hashes=(self.method,))

    def estimate(self, question: str, candidates: Sequence[Candidate]) -> Usage:
        return Usage(len(candidates), 10 * len(candidates))


NONE = RecallOrderReranker()


def methods(**replaced: Reranker) -> dict[str, Reranker]:
    large = ByNumber("cross-encoder", lambda number: number / 100)
    small = ByNumber("llm-listwise", lambda number: 1 - number / 200)
    made: dict[str, Reranker] = {
        "none": NONE,
        "cross-encoder": FallbackReranker(large, NONE),
        "llm-listwise": FallbackReranker(small, NONE),
    }
    return made | {name.replace("_", "-"): FallbackReranker(reranker, NONE) for name, reranker in replaced.items()}


def test_cascade__each_stage_reads_the_best_of_the_one_before() -> None:
    built = methods()
    cascade = build_cascade("cross-encoder:10>llm-listwise:4>2", built)
    found = candidates(12)
    result = cascade.rerank("q", found, deadline_s=8.0)
    assert is_full_permutation(result.ranked, found)
    # The first ten, largest number first; of these the best four, smallest first; unread candidates follow.
    assert order(result) == [7, 8, 9, 10, 6, 5, 4, 3, 2, 1, 11, 12]
    assert [r.method for r in result.ranked] == ["llm-listwise"] * 4 + ["cross-encoder"] * 6 + ["none"] * 2
    assert result.method == cascade.method == "cross-encoder:10>llm-listwise:4>2"
    scores = [r.score for r in result.ranked]
    assert scores == sorted(scores, reverse=True)
    assert result.usage == Usage(2, 20, 2)
    assert result.prompt_hashes == ("cross-encoder", "llm-listwise")
    assert result.fallbacks == ()


@pytest.mark.parametrize(("name", "top_k"), [("cross-encoder:10>llm-listwise:4>2", 2), ("cross-encoder:10", None)])
def test_top_k_of(name: str, top_k: int | None) -> None:
    assert top_k_of(build_cascade(name, methods())) == top_k
    assert top_k_of(NONE) is None


def test_cascade__failed_later_stage_keeps_the_previous_order() -> None:
    built = methods(llm_listwise=ByNumber("llm-listwise", LlmUnreachable("It is unreachable.")))
    result = build_cascade("cross-encoder:10>llm-listwise:4", built).rerank("q", candidates(12), deadline_s=8.0)
    assert order(result) == [10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 11, 12]
    assert result.method == "cross-encoder"
    assert [(f.method, f.used) for f in result.fallbacks] == [("llm-listwise", "cross-encoder")]
    assert "It is unreachable." in result.fallbacks[0].reason


def test_cascade__first_stage_uses_its_fallbacks() -> None:
    broken = ByNumber("cross-encoder", RuntimeError("no model"))
    stand_in = ByNumber("late-interaction", lambda number: (number % 5) / 10)
    built = methods() | {"cross-encoder": FallbackReranker(broken, stand_in, NONE)}
    result = build_cascade("cross-encoder:10>llm-listwise:4", built).rerank("q", candidates(12), deadline_s=8.0)
    assert order(result)[:4] == [3, 4, 8, 9]
    assert result.method == "cross-encoder:10>llm-listwise:4"
    assert [(f.method, f.used) for f in result.fallbacks] == [("cross-encoder", "late-interaction")]


def test_cascade__all_stages_fail() -> None:
    broken = ByNumber("cross-encoder", RuntimeError("x"))
    built = methods(cross_encoder=broken, llm_listwise=ByNumber("llm-listwise", RuntimeError("y")))
    result = build_cascade("cross-encoder:10>llm-listwise:4", built).rerank("q", candidates(5), deadline_s=8.0)
    assert order(result) == [1, 2, 3, 4, 5]
    assert result.method == "none"
    assert [(f.method, f.used) for f in result.fallbacks] == [("cross-encoder", "none"), ("llm-listwise", "none")]
    assert is_full_permutation(result.ranked, candidates(5))


def test_cascade__stages_share_the_deadline() -> None:
    first, second = ByNumber("cross-encoder", lambda number: 0.5), ByNumber("llm-listwise", lambda number: 0.5)
    cascade = build_cascade("cross-encoder:10>llm-listwise:4", {"cross-encoder": first, "llm-listwise": second})
    cascade.rerank("q", candidates(12), deadline_s=8.0)
    assert 3.0 < first.deadline_s <= 4.0
    assert 6.0 < second.deadline_s <= 8.0


def test_cascade__cancellation_is_raised() -> None:
    built = methods(cross_encoder=ByNumber("cross-encoder", Cancelled()))
    with pytest.raises(Cancelled):
        build_cascade("cross-encoder:10>llm-listwise:4", built).rerank("q", candidates(3), deadline_s=8.0)


def test_cascade__fewer_candidates_than_its_numbers() -> None:
    result = build_cascade("cross-encoder:10>llm-listwise:4>2", methods()).rerank("q", candidates(3), deadline_s=8.0)
    assert order(result) == [1, 2, 3]
    assert build_cascade("cross-encoder:10", methods()).rerank("q", [], deadline_s=8.0).ranked == ()


def test_cascade__is_one_method_in_a_fallback_chain() -> None:
    chain = FallbackReranker(build_cascade("cross-encoder:10>llm-listwise:4", methods()), NONE)
    result = chain.rerank("q", candidates(12), deadline_s=8.0)
    assert result.method == "cross-encoder:10>llm-listwise:4"


def test_build_cascade__single_name_returns_the_reranker() -> None:
    built = methods()
    assert build_cascade("cross-encoder", built) is built["cross-encoder"]
    assert build_cascade(" cross-encoder ", built) is built["cross-encoder"]
    assert isinstance(build_cascade("cross-encoder:5", built), CascadeReranker)
    with pytest.raises(UnknownName, match="choose one of cross-encoder, llm-listwise, none"):
        build_cascade("llm-pointwise", built)


def test_estimate__sums_the_stages() -> None:
    cascade = build_cascade("cross-encoder:10>llm-listwise:4", methods())
    assert estimate_usage(cascade, "q", candidates(12)) == Usage(14, 140)
    assert estimate_usage(NONE, "q", candidates(12)) == Usage()
    chain = FallbackReranker(LlmPointwiseReranker(FakeChat("x")), NONE)
    assert estimate_usage(chain, "q", candidates(12)).calls == 12
