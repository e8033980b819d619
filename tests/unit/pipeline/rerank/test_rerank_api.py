"""The method `rerank-api` with a scripted endpoint."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from pipeline.errors import LlmTimeout
from pipeline.ports import PassageScores
from pipeline.rerank.fallback import FallbackReranker
from pipeline.rerank.recall_order import RecallOrderReranker
from pipeline.rerank.rerank_api import RerankApiReranker
from pipeline.rerank.results import UNSCORED, is_full_permutation
from pipeline.types import Usage
from tests.answer_fakes import candidate, candidates, order


class FakeEndpoint:
    """Returns prepared scores."""

    name = "fake-reranker"

    def __init__(self, *scores: float | None, note: str = "") -> None:
        self._scores = scores
        self._note = note
        self.asked: list[tuple[str, list[str], float]] = []

    def score(self, question: str, passages: Sequence[str], *, timeout_s: float) -> PassageScores:
        self.asked.append((question, list(passages), timeout_s))
        return PassageScores(self._scores, Usage(1, 100), self._note)


def test_rerank__orders_by_score() -> None:
    endpoint = FakeEndpoint(0.1, 0.9, 0.5)
    found = [candidate(1), candidate(2, "text", headings=("Chapter", "Part")), candidate(3)]
    result = RerankApiReranker(endpoint, price_call_usd=2.0, price_tokens_usd=10.0).rerank("q", found, deadline_s=5.0)
    assert is_full_permutation(result.ranked, found)
    assert order(result) == [2, 3, 1]
    assert [(r.score, r.raw_score) for r in result.ranked] == [(0.9, 0.9), (0.5, 0.5), (0.1, 0.1)]
    assert (result.usage.calls, result.usage.prompt_tokens) == (1, 100)
    assert result.usage.cost_usd == pytest.approx(0.002 + 0.001)
    assert endpoint.asked[0][1][1] == "Chapter > Part\ntext"
    assert result.method == "rerank-api"


def test_rerank__one_logit_scales_all_scores() -> None:
    result = RerankApiReranker(FakeEndpoint(0.5, -3.0, 4.0)).rerank("q", candidates(3), deadline_s=5.0)
    assert order(result) == [3, 1, 2]
    assert [r.score for r in result.ranked] == [pytest.approx(1 / (1 + math.exp(-x))) for x in (4.0, 0.5, -3.0)]
    assert [r.raw_score for r in result.ranked] == [4.0, 0.5, -3.0]


def test_rerank__unscored_candidates_keep_their_place_and_are_flagged() -> None:
    endpoint = FakeEndpoint(0.1, None, 0.5, 0.3, note="passages missing: 1.")
    result = RerankApiReranker(endpoint).rerank("q", candidates(4), deadline_s=5.0)
    assert order(result) == [3, 2, 4, 1]
    assert [r.flags for r in result.ranked] == [(), (UNSCORED,), (), ()]
    assert "1 of 4 candidates kept their recall place: passages missing: 1." in result.fallbacks[0].reason


def test_rerank__too_few_scores_fall_back() -> None:
    chain = FallbackReranker(RerankApiReranker(FakeEndpoint(None, None, 0.5)), RecallOrderReranker())
    result = chain.rerank("q", candidates(3), deadline_s=5.0)
    assert (order(result), result.method) == ([1, 2, 3], "none")
    assert "Only 1 of 3 passages got a usable score from fake-reranker" in result.fallbacks[0].reason
    assert result.usage.calls == 1


def test_rerank__token_budget_is_checked_first() -> None:
    endpoint = FakeEndpoint(0.1, 0.2)
    reranker = RerankApiReranker(endpoint, budget_tokens=100)
    assert reranker.estimate("q", candidates(40)).prompt_tokens > 100
    result = FallbackReranker(reranker, RecallOrderReranker()).rerank("q", candidates(40), deadline_s=5.0)
    assert endpoint.asked == []
    assert "tokens; the limit is 100" in result.fallbacks[0].reason


def test_rerank__no_time_or_no_candidates() -> None:
    endpoint = FakeEndpoint()
    assert RerankApiReranker(endpoint).rerank("q", [], deadline_s=5.0).ranked == ()
    with pytest.raises(LlmTimeout):
        RerankApiReranker(endpoint).rerank("q", candidates(1), deadline_s=0.0)
    assert endpoint.asked == []
