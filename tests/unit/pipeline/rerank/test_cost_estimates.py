"""Estimated costs of the rerankers: calls times prompt, without a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pipeline.ports import Reranker
from pipeline.prompts import load_prompt, quote_title
from pipeline.rerank import build_cascade, estimate_usage
from pipeline.rerank.fallback import FallbackReranker
from pipeline.rerank.late_interaction import LateInteractionReranker
from pipeline.rerank.llm_calls import LlmLimits
from pipeline.rerank.llm_listwise import LlmListwiseReranker
from pipeline.rerank.llm_pairwise import LlmPairwiseReranker
from pipeline.rerank.llm_pointwise import LlmPointwiseReranker
from pipeline.rerank.quoting import quote_candidates, quote_text
from pipeline.rerank.recall_order import RecallOrderReranker
from pipeline.rerank.rerank_api import RerankApiReranker
from pipeline.text.tokens import estimate_message_tokens
from pipeline.types import Usage
from tests.answer_fakes import FakeChat, WordEmbedder, candidate

QUESTION = "When does the gate of the castle open?"
SAME = [candidate(n, "The gate of the castle opens at nine. " * 8, title="Castle") for n in range(1, 51)]
LIMITS = LlmLimits(price_prompt_usd=1.0, price_completion_usd=2.0)


def tokens_of(prompt: str, **values: str) -> int:
    return estimate_message_tokens(load_prompt(prompt, "en").messages(question=QUESTION, **values))


def pointwise_tokens() -> int:
    return tokens_of("pointwise", title=quote_title(SAME[0].title, SAME[0].headings), passage=quote_text(SAME[0], 2000))


def pairwise_tokens() -> int:
    title, text = quote_title(SAME[0].title, SAME[0].headings), quote_text(SAME[0], 1000)
    return tokens_of("pairwise", title_a=title, passage_a=text, title_b=title, passage_b=text)


def list_tokens(prompt: str, shown: int, **more: str) -> int:
    return tokens_of(prompt, passages=quote_candidates(SAME[:shown], 400), **more)


def reasons_tokens() -> int:
    return list_tokens("pairwise-reasons", 3)


@pytest.mark.parametrize(
    ("build", "calls", "prompt_tokens", "reply_tokens"),
    [
        (lambda c: LlmPointwiseReranker(c, limits=LIMITS), 50, lambda: 50 * pointwise_tokens(), 50 * 60),
        (
            lambda c: LlmPointwiseReranker(c, limits=LIMITS, passages_per_call=5),
            10,
            lambda: 10 * list_tokens("pointwise-list", 5),
            50 * 60,
        ),
        # 2·Σ min(l + r - 1, 20) over all merges, and one call for the reasons of three passages.
        (
            lambda c: LlmPairwiseReranker(c, limits=LIMITS),
            411,
            lambda: 410 * pairwise_tokens() + reasons_tokens(),
            410 * 20 + 120,
        ),
        (
            lambda c: LlmPairwiseReranker(c, limits=LIMITS, strategy="sliding", depth=10),
            2 * (10 * 49 - 45) + 1,
            lambda: 890 * pairwise_tokens() + reasons_tokens(),
            890 * 20 + 120,
        ),
        (
            lambda c: LlmPairwiseReranker(c, limits=LIMITS, strategy="all-pairs"),
            50 * 49 + 1,
            lambda: 2450 * pairwise_tokens() + reasons_tokens(),
            2450 * 20 + 120,
        ),
        (
            lambda c: LlmListwiseReranker(c, limits=LIMITS),
            4,
            lambda: (
                3 * list_tokens("listwise", 20, count="20")
                + list_tokens("listwise-reasons", 20, count="20", explained="3")
            ),
            4 * (20 + 4 * 20) + 120,
        ),
    ],
    ids=["pointwise", "pointwise by five", "sort", "sliding", "all-pairs", "listwise"],
)
def test_estimate__is_calls_times_prompt(
    build: Callable[[FakeChat], Reranker], calls: int, prompt_tokens: Callable[[], int], reply_tokens: int
) -> None:
    chat = FakeChat("unasked")
    estimated = estimate_usage(build(chat), QUESTION, SAME)
    assert (estimated.calls, estimated.prompt_tokens, estimated.completion_tokens) == (
        calls,
        prompt_tokens(),
        reply_tokens,
    )
    assert estimated.cost_usd == pytest.approx((prompt_tokens() + 2 * reply_tokens) / 1e6)
    assert chat.requests == []


def test_estimate__cascade_sums_its_stages_by_their_candidates() -> None:
    chat = FakeChat("unasked")
    late = LateInteractionReranker(WordEmbedder(), query_prefix="", passage_prefix="")
    rated, compared = LlmPointwiseReranker(chat, limits=LIMITS), LlmPairwiseReranker(chat, limits=LIMITS)
    rerankers = {r.method: FallbackReranker(r, RecallOrderReranker()) for r in (late, rated, compared)}
    cascade = build_cascade("late-interaction:40>llm-pointwise:20>llm-pairwise:5>3", rerankers)
    assert estimate_usage(cascade, QUESTION, SAME) == rated.estimate(QUESTION, SAME[:20]) + compared.estimate(
        QUESTION, SAME[:5]
    )
    assert estimate_usage(rerankers["late-interaction"], QUESTION, SAME) == Usage()
    assert estimate_usage(RecallOrderReranker(), QUESTION, SAME) == Usage()


def test_estimate__is_cut_to_the_token_budget() -> None:
    limited = replace(LIMITS, budget_tokens=100_000)
    whole, cut = (
        LlmPairwiseReranker(FakeChat(""), limits=limits, strategy="all-pairs").estimate(QUESTION, SAME)
        for limits in (LIMITS, limited)
    )
    tokens = whole.prompt_tokens + whole.completion_tokens
    assert tokens > cut.prompt_tokens + cut.completion_tokens == 100_000
    assert cut.calls / whole.calls == pytest.approx(100_000 / tokens, rel=0.01)
    assert cut.cost_usd == pytest.approx((cut.prompt_tokens + 2 * cut.completion_tokens) / 1e6)


def test_estimate__rerank_endpoint_by_calls_and_tokens() -> None:
    endpoint: Any = object()
    service = RerankApiReranker(endpoint, price_call_usd=2.0, price_tokens_usd=1.0)
    estimated = service.estimate(QUESTION, SAME)
    assert estimated.calls == 1
    assert estimated.cost_usd == pytest.approx(0.002 + estimated.prompt_tokens / 1e6)
