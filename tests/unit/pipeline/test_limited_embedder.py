"""The spending limits of a paid embedding endpoint, alone and in the answer flow."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from pipeline.answer import answer_question
from pipeline.answer_parts import AnswerParts
from pipeline.backends.endpoints.openai_embeddings import OpenAIEmbeddings
from pipeline.budget import Budget, Limit, Limits
from pipeline.errors import BudgetExceeded
from pipeline.everyday import EverydayPassages
from pipeline.limited_embedder import LimitedEmbedder
from pipeline.ports import Matrix
from pipeline.rerank.recall_order import RecallOrderReranker
from pipeline.types import Answer, AnswerOptions, Usage
from pipeline.usage import record_usage
from tests.answer_fakes import PROFILE, FakeChat, FakeStore, WordEmbedder, candidate
from tests.loopback_llm import LoopbackLlm, ScriptedReply
from tests.unit.pipeline.test_budget import FakeSpending

QUESTION = "When does the gate of the castle open?"
FOUND = (
    candidate(1, "The gate of the castle opens at nine.", dense_score=0.7),
    candidate(2, "The castle was built by a duke.", dense_score=0.6),
)
PRICE_USD = 1000.0
"""Per million tokens, so that embedding the question costs about a cent."""


class PaidEmbedder(WordEmbedder):
    """An endpoint that charges 0.01 dollars for each call and records it."""

    def __init__(self) -> None:
        self.calls: list[Sequence[str]] = []

    def encode(self, texts: Sequence[str]) -> Matrix:
        self.calls.append(texts)
        record_usage(Usage(1, 10, cost_usd=0.01))
        return super().encode(texts)


def ask(embedder: Any, spending: FakeSpending | None = None, chat: FakeChat | None = None, **limits: Limit) -> Answer:
    budget = Budget(Limits(**limits), spending, 1.0, 1.0, PRICE_USD) if spending is not None else None
    given = AnswerParts(FakeStore(FOUND), embedder, {"none": RecallOrderReranker()}, chat, budget=budget)
    return answer_question(QUESTION, AnswerOptions(reranker="none"), given, lambda *_: None)


def test_encode__reserves_the_estimated_cost_first() -> None:
    spending, embedder = FakeSpending(), PaidEmbedder()
    limited = LimitedEmbedder(embedder, Budget(Limits(), spending, embedding_usd=PRICE_USD), lambda: 0.0)
    limited.encode(["one two three"])
    assert spending.reserved == [pytest.approx(0.004)]
    assert limited.profile is PROFILE


def test_encode__over_a_hard_limit_sends_nothing() -> None:
    embedder = PaidEmbedder()
    budget = Budget(Limits(question=Limit(0, 0.01)), FakeSpending(), embedding_usd=PRICE_USD)
    with pytest.raises(BudgetExceeded, match="REFDESK_BUDGET_QUESTION_HARD_USD"):
        LimitedEmbedder(embedder, budget, lambda: 0.009).encode(["one two three"])
    assert embedder.calls == []


def test_encode__soft_limits_do_not_apply() -> None:
    embedder = PaidEmbedder()
    budget = Budget(Limits(user=Limit(0.001)), FakeSpending(user_usd=1.0), embedding_usd=PRICE_USD)
    LimitedEmbedder(embedder, budget, lambda: 0.0).encode(["one two three"])
    assert len(embedder.calls) == 1


def test_answer__usage_contains_the_question_and_the_sentences() -> None:
    result = ask(PaidEmbedder())
    assert result.embedding == Usage(2, 20, cost_usd=0.02)
    assert result.usage == result.embedding


def test_answer__usage_of_the_language_model_is_added() -> None:
    chat = FakeChat("The gate of the castle opens at nine [1].", Usage(1, 10, 5, 0.5))
    assert ask(PaidEmbedder(), chat=chat).usage == Usage(2, 20, 5, 0.51)


def test_answer__over_a_hard_limit_goes_on_by_keywords() -> None:
    embedder = PaidEmbedder()
    result = ask(embedder, FakeSpending(user_usd=2.0), user=Limit(0, 2.0))
    assert embedder.calls == []
    assert [(f.stage, f.used) for f in result.fallbacks] == [("embed", "keyword"), ("generate", "keywords")]
    assert "the limit of $2.00 for one person in 24 hours, of which $2.00 are spent" in result.fallbacks[0].reason
    assert result.generated.text == "The gate of the castle opens at nine. [1]"


def test_answer__spending_of_the_question_counts_for_later_calls() -> None:
    embedder = PaidEmbedder()
    result = ask(embedder, FakeSpending(), question=Limit(0, 0.02))
    assert len(embedder.calls) == 1, "the sentences of the answer would exceed the limit"
    assert [(f.stage, f.used) for f in result.fallbacks] == [("generate", "keywords")]


@pytest.mark.parametrize(("hard_usd", "embedded"), [(0.1, False), (10.0, True)])
def test_answer__everyday_passages_count_toward_the_limits(hard_usd: float, embedded: bool) -> None:
    embedder, spending = PaidEmbedder(), FakeSpending()
    budget = Budget(Limits(question=Limit(0, hard_usd)), spending, embedding_usd=PRICE_USD)
    parts = AnswerParts(FakeStore(FOUND), embedder, {"none": RecallOrderReranker()}, None, budget=budget)
    parts = replace(parts, everyday=EverydayPassages())
    answer_question(QUESTION, AnswerOptions(reranker="none"), parts, lambda *_: None)
    assert any(len(texts) == 32 for texts in embedder.calls) is embedded
    assert len(spending.reserved) == len(embedder.calls)


def test_answer__free_embedder_reserves_nothing() -> None:
    spending = FakeSpending(user_usd=2.0)
    budget = Budget(Limits(user=Limit(0, 2.0)), spending)
    given = AnswerParts(FakeStore(FOUND), WordEmbedder(), {"none": RecallOrderReranker()}, None, budget=budget)
    result = answer_question(QUESTION, AnswerOptions(reranker="none"), given, lambda *_: None)
    assert (result.fallbacks, spending.reserved) == ((), [])


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("sk-1", "cannot be reached (ConnectError); check that the server is running"),
        ("sk-1\nsk-2", "REFDESK_EMBEDDING_API_KEY is not a valid API key: it contains a line break"),
    ],
)
def test_answer__endpoint_that_cannot_be_used_goes_on_by_keywords(key: str, reason: str) -> None:
    profile = replace(PROFILE, backend="openai", base_url="http://127.0.0.1:9/v1")
    with closing(OpenAIEmbeddings(profile, api_key=key, max_retries=0)) as embedder:
        result = ask(embedder)
    assert [(f.stage, f.used) for f in result.fallbacks] == [("embed", "keyword"), ("generate", "keywords")]
    assert reason in result.fallbacks[0].reason
    assert result.usage == Usage(), "a request that was not sent costs nothing"
    assert result.generated.text == "The gate of the castle opens at nine. [1]"


def test_answer__endpoint_whose_vectors_changed_dimension_goes_on_by_keywords() -> None:
    def embed(request: Mapping[str, Any]) -> ScriptedReply:
        data = [{"index": place, "embedding": [1.0, 2.0]} for place in range(len(request["input"]))]
        return ScriptedReply(body=json.dumps({"data": data}))

    with LoopbackLlm(embed) as server:
        profile = replace(PROFILE, backend="openai", base_url=server.url)
        with closing(OpenAIEmbeddings(profile)) as embedder:
            result = ask(embedder)
    assert [(f.stage, f.used) for f in result.fallbacks] == [("embed", "keyword"), ("generate", "keywords")]
    assert "returns vectors of 2 dimensions, but the profile words has 4096" in result.fallbacks[0].reason
    assert "Add a profile for the new dimensions." in result.fallbacks[0].reason
    assert result.usage.calls == 2, "the replies were paid for"
