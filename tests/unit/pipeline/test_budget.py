"""Budgets: estimates, the choice of an option within the limits, and the messages about exceeded limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from pipeline.amounts import ExceededLimit, format_duration, format_usd
from pipeline.answer import answer_question
from pipeline.answer_parts import AnswerParts
from pipeline.budget import Budget, BudgetRequest, Limit, Limits
from pipeline.errors import BudgetExceeded
from pipeline.ports import RecentSpending, Reranker
from pipeline.rerank import build_cascade
from pipeline.rerank.recall_order import RecallOrderReranker
from pipeline.text.tokens import estimate_message_tokens, estimate_tokens
from pipeline.types import (
    AnswerOptions,
    Candidate,
    ChatMessage,
    Exchange,
    Fallback,
    QuestionContext,
    RerankResult,
    RewriteResult,
    Usage,
)
from tests.answer_fakes import FakeChat, FakeStore, WordEmbedder, candidate

QUESTION = "When does the gate of the castle open?"
WRITTEN = "The gate of the castle opens at nine [1]."


@dataclass
class FakeSpending:
    """Fills `Spending` and `RecentSpending`."""

    question_usd: float = 0.0
    user_usd: float = 0.0
    server_usd: float = 0.0
    frees: float | None = 7200.0
    reserved: list[float] = field(default_factory=list)
    asked: list[tuple[str, float]] = field(default_factory=list)

    def reserve(self, choose: Callable[[RecentSpending], tuple[float, Any]]) -> Any:
        usd, chosen = choose(self)
        self.reserved.append(usd)
        return chosen

    def frees_in_s(self, scope: str, usd: float) -> float | None:
        self.asked.append((scope, usd))
        return self.frees


@dataclass(frozen=True)
class PricedReranker:
    """A reranker with a price per candidate that keeps the order of recall."""

    method: str
    usd: float = 0.0

    def rerank(self, question: str, candidates: Sequence[Candidate], **_: Any) -> RerankResult:
        return replace(RecallOrderReranker().rerank(question, candidates, deadline_s=1), method=self.method)

    def estimate(self, question: str, candidates: Sequence[Candidate]) -> Usage:
        return Usage(1, 10, 0, self.usd * len(candidates))


RERANKERS: Mapping[str, Reranker] = {
    method.method: method
    for method in (
        PricedReranker("llm-pairwise", 0.010),
        PricedReranker("llm-pointwise", 0.005),
        PricedReranker("llm-listwise", 0.002),
        PricedReranker("rerank-api", 0.003),
        PricedReranker("cross-encoder"),
        PricedReranker("late-interaction"),
        RecallOrderReranker(),
    )
}
TEN = [candidate(n) for n in range(1, 11)]
ANSWER_USD = 0.01
"""Estimated cost of the written answer with the prices of `budget`."""


def request(reranker: str, spent_usd: float = 0.0) -> BudgetRequest:
    built = build_cascade(reranker, RERANKERS)
    return BudgetRequest(
        RewriteResult(QUESTION, QUESTION, usage=Usage(cost_usd=spent_usd)),
        QuestionContext(),
        TEN,
        reranker,
        built,
        top_k=3,
        max_tokens=10_000,
    )


def budget(spending: FakeSpending, **limits: Limit) -> Budget:
    return Budget(Limits(**limits), spending, completion_usd=1.0)


def plan(reranker: str, spending: FakeSpending, chat: FakeChat | None = None, **limits: Limit) -> tuple[str, bool]:
    chosen = budget(spending, **limits).plan(request(reranker), RERANKERS, chat)
    return chosen.reranker.method, chosen.writes


CHAT = FakeChat(WRITTEN)


@pytest.mark.parametrize(
    ("asked", "soft_usd", "used"),
    [
        ("llm-pairwise", 0.11, "llm-pairwise"),
        ("llm-pairwise", 0.109, "llm-pointwise"),
        ("llm-pairwise", 0.059, "llm-listwise"),
        ("llm-pairwise", 0.029, "late-interaction"),
        ("llm-pointwise", 0.059, "llm-listwise"),
        ("llm-listwise", 0.029, "late-interaction"),
        ("rerank-api", 0.039, "late-interaction"),
        ("cross-encoder:8>llm-listwise:5>2", 0.02, "cross-encoder:8>llm-listwise:5>2"),
        ("cross-encoder:8>llm-listwise:5>2", 0.019, "cross-encoder:8>2"),
        ("rerank-api:8>llm-listwise:5>2", 0.019, "late-interaction>2"),
        ("llm-pairwise:4", 0.049, "late-interaction"),
    ],
)
def test_soft_limit__first_cheaper_method_that_fits(asked: str, soft_usd: float, used: str) -> None:
    assert plan(asked, FakeSpending(), CHAT, question=Limit(soft_usd)) == (used, True)


def test_soft_limit__replacement_is_reserved_and_recorded() -> None:
    spending = FakeSpending(user_usd=0.45)
    chosen = budget(spending, user=Limit(0.5)).plan(request("llm-pairwise"), RERANKERS, CHAT)
    assert chosen.reranker.method == "llm-listwise"
    assert spending.reserved == [pytest.approx(0.03)]
    (said,) = chosen.fallbacks
    over = ExceededLimit("user", 0.5, 0.45, 0.1 + spending.reserved[0] - 0.02, 7200)
    assert (said.stage, said.method, said.used, said.over) == ("rerank", "llm-pairwise", "llm-listwise", over)
    assert said.reason == (
        "The estimated cost of $0.11 would exceed the limit of $0.50 for one person in 24 hours, of which $0.45 are "
        "spent. Budget is available again in 2 hours."
    )
    assert [scope for scope, _ in spending.asked] == ["user"]
    assert spending.asked[0][1] == pytest.approx(0.06)


def test_soft_limit__without_hard_limit_replaces_the_written_answer() -> None:
    spending = FakeSpending(server_usd=1.0)
    chosen = budget(spending, server=Limit(1.0)).plan(request("llm-listwise"), RERANKERS, CHAT)
    assert (chosen.reranker.method, chosen.writes) == ("late-interaction", False)
    assert [(f.stage, f.method, f.used) for f in chosen.fallbacks] == [
        ("rerank", "llm-listwise", "late-interaction"),
        ("generate", "fake-model", "extractive"),
    ]
    assert spending.reserved == [0.0]


def test_soft_limit__with_hard_limit_keeps_the_written_answer() -> None:
    spending = FakeSpending(server_usd=1.5)
    assert plan("llm-listwise", spending, CHAT, server=Limit(1.0, 2.0)) == ("late-interaction", True)
    assert spending.reserved == [pytest.approx(ANSWER_USD)]
    free = budget(spending, server=Limit(1.0, 2.0)).plan(request("late-interaction"), RERANKERS, CHAT)
    assert (free.writes, free.fallbacks) == (True, ()), "nothing was replaced, so there is no fallback"


def test_soft_limit__scope_without_hard_limit_replaces_the_written_answer() -> None:
    spending = FakeSpending(user_usd=1.5, server_usd=1.5)
    assert plan("none", spending, CHAT, user=Limit(1.0), server=Limit(1.0, 2.0)) == ("none", False)


def test_soft_limit__earlier_attempts_count() -> None:
    spending = FakeSpending(question_usd=0.06)
    chosen = budget(spending, question=Limit(0.1)).plan(request("llm-pairwise"), RERANKERS, CHAT)
    assert (chosen.reranker.method, chosen.writes) == ("llm-listwise", True)
    assert chosen.fallbacks[0].reason.endswith("the limit of $0.10 for one question, of which $0.06 are spent.")


@dataclass
class SlowServerBudget(FakeSpending):
    """Spending whose server limit frees later than the user limit."""

    def frees_in_s(self, scope: str, usd: float) -> float | None:
        return {"user": 60.0, "server": 7200.0}[scope]


def test_soft_limit__message_names_the_limit_that_frees_last() -> None:
    chosen = budget(SlowServerBudget(user_usd=0.45, server_usd=0.95), user=Limit(0.5), server=Limit(1.0)).plan(
        request("llm-pairwise"), RERANKERS, CHAT
    )
    assert chosen.fallbacks[0].reason.endswith("of which $0.95 are spent. Budget is available again in 2 hours.")


def test_hard_limit__message_names_the_limit_that_frees_last() -> None:
    with pytest.raises(BudgetExceeded, match=r"available again in 2 hours\.$"):
        plan("none", SlowServerBudget(user_usd=1.0, server_usd=2.0), CHAT, user=Limit(0, 1.0), server=Limit(0, 2.0))
    with pytest.raises(BudgetExceeded, match=r"available again in 2 hours\.$"):
        plan("none", SlowServerBudget(user_usd=1.0, server_usd=1.995), CHAT, user=Limit(0, 1.0), server=Limit(0, 2.0))


def test_hard_limit__message_names_a_limit_that_never_frees_first() -> None:
    with pytest.raises(BudgetExceeded, match="REFDESK_BUDGET_QUESTION_HARD_USD"):
        plan("none", SlowServerBudget(user_usd=1.0), CHAT, user=Limit(0, 1.0), question=Limit(0, 0.005))


def test_hard_limit__without_soft_limit_uses_a_cheaper_method() -> None:
    assert plan("llm-pairwise", FakeSpending(), CHAT, question=Limit(0.0, 0.05)) == ("llm-listwise", True)


def test_hard_limit__rejects_if_the_cheapest_written_answer_exceeds_it() -> None:
    spending = FakeSpending(user_usd=0.995)
    with pytest.raises(BudgetExceeded) as refused:
        plan("llm-pairwise", spending, CHAT, user=Limit(0.5, 1.0))
    about = format_usd(budget(spending).estimate_answer(request("none")).cost_usd)
    assert str(refused.value) == (
        f"The estimated cost of {about} would exceed the limit of $1.00 for one person in 24 hours, of which $0.995 "
        "are spent. Budget is available again in 2 hours."
    )
    assert spending.reserved == []


@pytest.mark.parametrize(
    ("limits", "variable"),
    [
        ({"question": Limit(0.0, 0.005)}, "REFDESK_BUDGET_QUESTION_HARD_USD"),
        ({"user": Limit(0.0, 0.005)}, "REFDESK_BUDGET_USER_DAY_HARD_USD"),
        ({"server": Limit(0.0, 0.005)}, "REFDESK_BUDGET_SERVER_DAY_HARD_USD"),
    ],
)
def test_hard_limit__message_names_the_setting_if_waiting_does_not_help(
    limits: Mapping[str, Limit], variable: str
) -> None:
    with pytest.raises(BudgetExceeded, match=f"Ask the operator to raise {variable}"):
        plan("none", FakeSpending(), CHAT, **limits)


def test_hard_limit__used_up_rejects_even_with_a_free_method() -> None:
    with pytest.raises(BudgetExceeded, match=r"\$1.00 for this server in 24 hours, of which \$1.00 are spent"):
        plan("rerank-api", FakeSpending(server_usd=1.0), server=Limit(0.5, 1.0))
    assert plan("rerank-api", FakeSpending(server_usd=0.99), server=Limit(0.5, 1.0)) == ("late-interaction", False)


@pytest.mark.parametrize("reranker", ["none", "late-interaction", "cross-encoder", "cross-encoder:5>3"])
def test_free_question__is_never_rejected(reranker: str) -> None:
    spending = FakeSpending(user_usd=9.0)
    limits = {"question": Limit(0.01, 0.01), "user": Limit(1.0, 1.0)}
    assert plan(reranker, spending, None, **limits) == (reranker, False)
    assert spending.reserved == []


def test_question_limit__includes_the_cost_of_rewriting() -> None:
    spending = FakeSpending()
    given = budget(spending, question=Limit(0.03))
    assert given.plan(request("llm-listwise"), RERANKERS, CHAT).fallbacks == ()
    chosen = given.plan(request("llm-listwise", spent_usd=0.001), RERANKERS, CHAT)
    assert chosen.reranker.method == "late-interaction"
    assert chosen.fallbacks[0].reason.endswith("the limit of $0.03 for one question, of which $0.001 are spent.")


def flow(limited: Budget, chat: FakeChat, *, reranker: str = "llm-listwise", found: Sequence[Candidate] = ()) -> Any:
    store = FakeStore(found or [candidate(1, "The gate of the castle opens at nine.", dense_score=0.8)])
    parts = AnswerParts(store, WordEmbedder(), RERANKERS, chat, budget=limited)
    return lambda *conversation: answer_question(
        QUESTION, AnswerOptions(reranker=reranker), parts, lambda *_: None, conversation
    )


def test_answer__over_a_soft_limit_is_extractive() -> None:
    chat = FakeChat(WRITTEN)
    result = flow(budget(FakeSpending(user_usd=1.0), user=Limit(0.5)), chat)()
    assert (result.reranking.method, result.generated.model, chat.requests) == ("late-interaction", "extractive", [])
    assert [(f.stage, f.over.scope) for f in result.fallbacks] == [("rerank", "user"), ("generate", "user")]


def test_answer__within_the_limits_is_unchanged() -> None:
    chat, spending = FakeChat(WRITTEN), FakeSpending()
    result = flow(budget(spending, question=Limit(1.0, 1.0)), chat)()
    assert (result.reranking.method, result.generated.model, result.fallbacks) == ("llm-listwise", "fake-model", ())
    assert len(spending.reserved) == 1


def test_answer__follow_up_is_rewritten_only_within_the_limits() -> None:
    earlier = Exchange("Where is the castle?", "By the river [1].")
    chat, spending = FakeChat(WRITTEN), FakeSpending(server_usd=1.0)
    result = flow(budget(spending, server=Limit(0.5)), chat)(earlier)
    assert [f.stage for f in result.fallbacks] == ["rewrite", "rerank", "generate"]
    assert chat.requests == []
    with pytest.raises(BudgetExceeded):
        flow(budget(spending, server=Limit(0.5, 0.9)), chat)(earlier)
    assert chat.requests == [], "rejected before the first call"
    flow(budget(spending, server=Limit(0.5, 2.0)), chat)(earlier)
    assert len(chat.requests) == 2


def test_answer__actual_cost_of_rewriting_counts_toward_the_question() -> None:
    # The estimate for reranking and answer is $0.0028; rewriting has cost $0.001.
    ask = flow(budget(FakeSpending(), question=Limit(0.003)), FakeChat(WRITTEN))
    assert ask().reranking.method == "llm-listwise"
    assert ask(Exchange("Where is the castle?", "By the river [1].")).reranking.method == "late-interaction"


def test_answer__without_candidates_is_free() -> None:
    chat = FakeChat(WRITTEN)
    store = FakeStore([])
    parts = AnswerParts(
        store, WordEmbedder(), RERANKERS, chat, budget=budget(FakeSpending(user_usd=9.0), user=Limit(1, 1))
    )
    result = answer_question(QUESTION, AnswerOptions(reranker="none"), parts, lambda *_: None)
    assert result.generated.abstained


def test_estimate_answer__is_the_largest_prompt() -> None:
    chat = FakeChat(WRITTEN)
    long, other, short = (
        "The gate of the castle opens at nine. " * 30,
        "Its keeper has the key to the gate. " * 30,
        "Bread.",
    )
    found = [candidate(n, text, dense_score=0.8) for n, text in enumerate((short, long, short, other), 1)]
    given = replace(request("none"), candidates=found, top_k=2)
    estimated = Budget(Limits(), FakeSpending(), 1.0, 2.0).estimate_answer(given)
    parts = AnswerParts(FakeStore([found[1], found[3]]), WordEmbedder(), RERANKERS, chat)
    answer_question(QUESTION, AnswerOptions(reranker="none", top_k=2), parts, lambda *_: None)
    sent: Sequence[ChatMessage] = chat.requests[0]
    assert estimated.prompt_tokens == estimate_message_tokens(sent)
    room = replace(given, context_tokens=5000)
    around = 5000 - estimate_tokens(long) - estimate_tokens(other)
    assert (
        Budget(Limits(), FakeSpending()).estimate_answer(room).prompt_tokens == estimate_message_tokens(sent) + around
    )
    assert (estimated.calls, estimated.completion_tokens) == (1, 10_000)
    assert estimated.cost_usd == pytest.approx((estimated.prompt_tokens + 20_000) / 1e6)


def test_fallback__over_defaults_to_none() -> None:
    assert Fallback("rerank", "a", "b", "c").over is None


@pytest.mark.parametrize(
    ("usd", "said"),
    [(0, "$0.00"), (0.5, "$0.50"), (0.0123, "$0.0123"), (0.00004, "less than $0.0001"), (1234.5, "$1,234.50")],
)
def test_format_usd(usd: float, said: str) -> None:
    assert format_usd(usd) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "1 second"), (59, "59 seconds"), (60, "1 minute"), (7200, "2 hours"), (90_000, "1 day")]
)
def test_format_duration(seconds: float, said: str) -> None:
    assert format_duration(seconds) == said


@pytest.mark.parametrize(
    ("limits", "spent_usd", "allowed"),
    [
        ({}, 0.0, True),
        ({"question": Limit(0, 0.010)}, 0.004, True),
        ({"question": Limit(0, 0.010)}, 0.007, False),
        ({"user": Limit(0, 0.003)}, 0.0, False),
        ({"server": Limit(0.003, 0)}, 0.0, False),
    ],
)
def test_allows_retry__reserves_the_call_within_the_limits(
    limits: dict[str, Limit], spent_usd: float, allowed: bool
) -> None:
    spending = FakeSpending()
    messages = [ChatMessage("user", QUESTION)]
    assert budget(spending, **limits).allows_retry(messages, 4000, spent_usd) == allowed
    assert (0.004 in spending.reserved) == allowed
