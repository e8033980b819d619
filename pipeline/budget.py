"""Budgets: estimate the cost of a question and compare it with the limits before any paid call.

Above a soft limit, reranking uses the first cheaper method in `RERANKERS_BY_PRICE` that fits; a cascade loses its paid
stages. The language model still writes the answer up to the hard limit. Without a hard limit, the soft limit also
replaces the written answer with an extractive one. Above a hard limit the question is rejected: if the limit is already
used up, or if even the cheapest option with a written answer exceeds it. A free question is never changed or rejected.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from pipeline.amounts import BudgetScope, ExceededLimit, format_duration, format_usd
from pipeline.cascades import Cascade, Stage, parse_cascade
from pipeline.errors import BudgetExceeded
from pipeline.generate import EXTRACTIVE, build_answer_messages
from pipeline.ports import ChatModel, RecentSpending, Reranker, Spending
from pipeline.rerank import build_cascade, estimate_usage
from pipeline.rewrite import MAX_REPLY_TOKENS, PREVIOUS_QUESTIONS, build_rewrite_messages
from pipeline.text.tokens import estimate_message_tokens, estimate_tokens
from pipeline.types import (
    Candidate,
    ChatMessage,
    Exchange,
    Fallback,
    QuestionContext,
    RankedCandidate,
    RewriteResult,
    Usage,
)

FREE_RERANKERS: tuple[str, ...] = ("late-interaction", "none")
RERANKERS_BY_PRICE = ("llm-pairwise", "llm-pointwise", "llm-listwise", *FREE_RERANKERS)
"""Methods from the most to the least expensive. A method can be replaced by those after it."""

ROUNDING_USD = 1e-9

_SCOPE_PHRASES = {"question": "one question", "user": "one person in 24 hours", "server": "this server in 24 hours"}


@dataclass(frozen=True, slots=True)
class Limit:
    """A soft and a hard limit in US dollars; 0 means no limit."""

    soft_usd: float = 0.0
    hard_usd: float = 0.0

    @property
    def downgrade_usd(self) -> float:
        """The amount above which cheaper methods are used: the soft limit, or else the hard limit."""
        return self.soft_usd or self.hard_usd


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits per question, and in 24 hours per user and per server (workspace)."""

    question: Limit = field(default_factory=Limit)
    user: Limit = field(default_factory=Limit)
    server: Limit = field(default_factory=Limit)


@dataclass(frozen=True, slots=True)
class BudgetRequest:
    """The requested way to answer a question, once its candidates are known."""

    rewritten: RewriteResult
    context: QuestionContext
    candidates: Sequence[Candidate]
    reranker_name: str
    reranker: Reranker
    """The requested reranker, built from its name."""
    top_k: int
    max_tokens: int
    """Maximum tokens of the written answer."""
    context_tokens: int = 0
    """Maximum tokens of the passages together with their neighbours."""
    embedding_usd: float = 0.0
    """Spent on embedding the question."""


@dataclass(frozen=True, slots=True)
class PlanOption:
    """One way to continue, with its estimated cost."""

    usd: float
    reranker: str = ""
    writes: bool = True
    """Whether the language model writes the answer (or, before recall, rewrites the question)."""


@dataclass(frozen=True, slots=True)
class BudgetPlan:
    """The option that fits the budget."""

    reranker: Reranker
    writes: bool
    fallbacks: tuple[Fallback, ...] = ()


@dataclass(frozen=True, slots=True)
class Budget:
    """The limits of one question, its prices, and the recent spending that counts toward the limits."""

    limits: Limits
    spending: Spending
    prompt_usd: float = 0.0
    """Price per million prompt tokens of the model that writes."""
    completion_usd: float = 0.0
    """Price per million completion tokens."""
    embedding_usd: float = 0.0
    """Price per million tokens of the embedding endpoint; 0 for a local model."""

    def plan_rewriting(self, question: str, conversation: Sequence[Exchange], chat: ChatModel) -> Fallback | None:
        """Reserve the cost of rewriting a follow-up question.

        Returns:
            None if the question may be rewritten, else the fallback.

        Raises:
            BudgetExceeded: A hard limit does not allow an answer.
        """
        estimate = self._estimate_call(build_rewrite_messages(question, conversation), MAX_REPLY_TOKENS)
        option, exceeded = self._reserve([PlanOption(estimate.cost_usd), PlanOption(0.0, writes=False)], 0.0)
        if option.writes or exceeded is None:
            return None
        return Fallback("rewrite", chat.name, PREVIOUS_QUESTIONS, _format_exceeded(exceeded), exceeded)

    def plan(self, request: BudgetRequest, rerankers: Mapping[str, Reranker], chat: ChatModel | None) -> BudgetPlan:
        """Choose the first option that fits the limits and reserve its cost.

        Raises:
            BudgetExceeded: A hard limit does not allow an answer.
        """
        options = self._list_options(request, rerankers, writes=chat is not None)
        option, exceeded = self._reserve(options, request.rewritten.usage.cost_usd + request.embedding_usd)
        fallbacks = []
        if exceeded is not None:
            reason = _format_exceeded(exceeded)
            if option.reranker != request.reranker_name:
                fallbacks.append(Fallback("rerank", request.reranker_name, option.reranker, reason, exceeded))
            if chat is not None and not option.writes:
                fallbacks.append(Fallback("generate", chat.name, EXTRACTIVE, reason, exceeded))
        return BudgetPlan(_build_reranker(option.reranker, request, rerankers), option.writes, tuple(fallbacks))

    def allows_retry(self, messages: Sequence[ChatMessage], max_tokens: int, spent_usd: float) -> bool:
        """Reserve the cost of another call for the answer; return False if a limit does not allow it.

        Args:
            messages: The messages of the call.
            max_tokens: Maximum tokens of its reply.
            spent_usd: Spent on this question so far, in this attempt.
        """
        estimate = self._estimate_call(messages, max_tokens)
        try:
            option, _ = self._reserve([PlanOption(estimate.cost_usd), PlanOption(0.0, writes=False)], spent_usd)
        except BudgetExceeded:
            return False
        return option.writes

    def reserve_embedding(self, texts: Sequence[str], spent_usd: float = 0.0) -> None:
        """Reserve the cost of embedding texts. Soft limits do not apply, because no cheaper model has the same vectors.

        Args:
            texts: The texts to embed.
            spent_usd: Spent on this question so far, in this attempt.

        Raises:
            BudgetExceeded: A hard limit does not allow it.
        """
        tokens = sum(map(estimate_tokens, texts))
        self._reserve([PlanOption(tokens * self.embedding_usd / 1_000_000)], spent_usd)

    def estimate_answer(self, request: BudgetRequest) -> Usage:
        """Return the maximum usage of the written answer: the longest passages in the prompt, and a full completion."""
        longest = sorted(request.candidates, key=lambda c: -estimate_tokens(c.text))[: request.top_k]
        passages = [RankedCandidate(candidate, rank, 0.0) for rank, candidate in enumerate(longest, 1)]
        neighbour_tokens = request.context_tokens - sum(estimate_tokens(candidate.text) for candidate in longest)
        messages = build_answer_messages(request.rewritten.question, passages, request.context)
        return self._estimate_call(messages, request.max_tokens, extra_tokens=max(0, neighbour_tokens))

    def _estimate_call(self, messages: Sequence[ChatMessage], completion_tokens: int, extra_tokens: int = 0) -> Usage:
        prompt_tokens = estimate_message_tokens(messages) + extra_tokens
        cost = prompt_tokens * self.prompt_usd + completion_tokens * self.completion_usd
        return Usage(1, prompt_tokens, completion_tokens, cost / 1_000_000)

    def _list_options(
        self, request: BudgetRequest, rerankers: Mapping[str, Reranker], *, writes: bool
    ) -> list[PlanOption]:
        """List the options, the requested one first, each cheaper than the one before."""
        answer_usd = self.estimate_answer(request).cost_usd if writes else 0.0

        @cache
        def rerank_usd(name: str) -> float:
            reranker = _build_reranker(name, request, rerankers)
            return estimate_usage(reranker, request.rewritten.searched_as, request.candidates).cost_usd

        requested = request.reranker_name
        options = [PlanOption(rerank_usd(requested) + answer_usd, requested, writes)]
        if rerank_usd(requested):
            for name in _cheaper_rerankers(parse_cascade(requested, rerankers.keys()), rerankers.keys(), rerank_usd):
                if rerank_usd(name) + answer_usd < options[-1].usd:
                    options.append(PlanOption(rerank_usd(name) + answer_usd, name, writes))
        if answer_usd and not rerank_usd(options[-1].reranker):
            options.append(PlanOption(0.0, options[-1].reranker, writes=False))
        return options

    def _reserve(self, options: Sequence[PlanOption], spent_usd: float) -> tuple[PlanOption, ExceededLimit | None]:
        if not options[0].usd:
            return options[0], None

        def choose(spending: RecentSpending) -> tuple[float, tuple[PlanOption, ExceededLimit | None]]:
            option, exceeded = _choose_option(options, _LimitCheck(self.limits, spending, spent_usd))
            return option.usd, (option, exceeded)

        return self.spending.reserve(choose)


@dataclass(frozen=True, slots=True)
class _LimitCheck:
    """The limits together with the amounts that count toward them."""

    limits: Limits
    spending: RecentSpending
    spent_usd: float
    """Spent on this question so far, in this attempt."""

    def __iter__(self) -> Iterator[tuple[BudgetScope, Limit, float]]:
        yield "question", self.limits.question, self.spent_usd + self.spending.question_usd
        yield "user", self.limits.user, self.spending.user_usd
        yield "server", self.limits.server, self.spending.server_usd

    def exceeded_downgrade(self, usd: float) -> list[ExceededLimit]:
        """Return the limits above which this amount requires a cheaper method."""
        return self._exceeded(usd, {scope: limit.downgrade_usd for scope, limit, _ in self})

    def exceeded_hard(self, usd: float) -> list[ExceededLimit]:
        """Return the hard limits that this amount would exceed."""
        return self._exceeded(usd, {scope: limit.hard_usd for scope, limit, _ in self})

    def exceeded_soft_only(self, usd: float) -> list[ExceededLimit]:
        """Return the soft limits without a hard limit that this amount would exceed."""
        return self._exceeded(usd, {scope: 0.0 if limit.hard_usd else limit.soft_usd for scope, limit, _ in self})

    def used_up(self, usd: float) -> list[ExceededLimit]:
        """Return the hard limits that are reached already."""
        return [
            ExceededLimit(scope, limit.hard_usd, spent, usd)
            for scope, limit, spent in self
            if limit.hard_usd and spent >= limit.hard_usd - ROUNDING_USD
        ]

    def longest(self, exceeded: Sequence[ExceededLimit]) -> ExceededLimit:
        """Return the limit that stays exceeded longest, with the time until then."""
        return max(
            map(self._with_time, exceeded),
            key=lambda limit: math.inf if limit.frees_in_s is None else limit.frees_in_s,
        )

    def _with_time(self, exceeded: ExceededLimit) -> ExceededLimit:
        """Add the time after which the amount fits, if waiting helps."""
        if exceeded.scope == "question" or exceeded.estimated_usd > exceeded.limit_usd + ROUNDING_USD:
            return exceeded
        excess_usd = exceeded.spent_usd + exceeded.estimated_usd - exceeded.limit_usd
        return replace(exceeded, frees_in_s=self.spending.frees_in_s(exceeded.scope, excess_usd))

    def _exceeded(self, usd: float, limits_usd: Mapping[BudgetScope, float]) -> list[ExceededLimit]:
        return [
            ExceededLimit(scope, limits_usd[scope], spent, usd)
            for scope, _, spent in self
            if usd and limits_usd[scope] and spent + usd > limits_usd[scope] + ROUNDING_USD
        ]


def _build_reranker(name: str, request: BudgetRequest, rerankers: Mapping[str, Reranker]) -> Reranker:
    return request.reranker if name == request.reranker_name else build_cascade(name, rerankers)


def _choose_option(options: Sequence[PlanOption], check: _LimitCheck) -> tuple[PlanOption, ExceededLimit | None]:
    requested = options[0]
    complete = [option for option in options if option.writes == requested.writes]
    cheapest = complete[-1]
    # An amount above 0 that exceeds a limit also covers limits that are used up. If the cheapest option is free,
    # the requested amount shows whether a limit is used up.
    if rejected := check.exceeded_hard(cheapest.usd) or check.used_up(cheapest.usd or requested.usd):
        raise BudgetExceeded(_format_rejection(check.longest(rejected)))
    downgrade = check.exceeded_downgrade(requested.usd)
    if not downgrade:
        return requested, None
    exceeded = check.longest(downgrade)
    for option in complete[1:]:
        if not check.exceeded_downgrade(option.usd):
            return option, exceeded
    return (options[-1] if check.exceeded_soft_only(cheapest.usd) else cheapest), exceeded


def _cheaper_rerankers(cascade: Cascade, known: Collection[str], usd_of: Callable[[str], float]) -> list[str]:
    """Return the names that may replace a reranker, most expensive first."""
    first = cascade.stages[0]
    if len(cascade.stages) == 1 and first.candidates is None and cascade.top_k is None:
        names = FREE_RERANKERS
        if first.method in RERANKERS_BY_PRICE:
            names = RERANKERS_BY_PRICE[RERANKERS_BY_PRICE.index(first.method) + 1 :]
        return [name for name in names if name in known]
    stages = tuple(stage for stage in cascade.stages if not usd_of(stage.method))
    stages = stages or tuple(Stage(name) for name in FREE_RERANKERS if name in known)[:1]
    return [str(Cascade(stages, cascade.top_k))] if stages else []


def _format_exceeded(exceeded: ExceededLimit) -> str:
    text = f"The estimated cost of {format_usd(exceeded.estimated_usd)} would exceed the limit of "
    text += f"{format_usd(exceeded.limit_usd)} for {_SCOPE_PHRASES[exceeded.scope]}"
    if exceeded.scope != "question" or exceeded.spent_usd:
        text += f", of which {format_usd(exceeded.spent_usd)} are spent"
    if exceeded.frees_in_s is not None:
        text += f". Budget is available again in {format_duration(exceeded.frees_in_s)}"
    return f"{text}."


def _format_rejection(exceeded: ExceededLimit) -> str:
    if exceeded.frees_in_s is not None:
        return _format_exceeded(exceeded)
    setting = "QUESTION" if exceeded.scope == "question" else f"{exceeded.scope.upper()}_DAY"
    return f"{_format_exceeded(exceeded)} Ask the operator to raise REFDESK_BUDGET_{setting}_HARD_USD."
