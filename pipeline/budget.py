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
from pipeline.rewrite import MAX_REPLY_TOKENS as REWRITE_TOKENS
from pipeline.rewrite import PREVIOUS_QUESTIONS, build_rewrite_messages
from pipeline.text.tokens import estimate_messages, estimate_tokens
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

FREE_RERANKERS = ("late-interaction", "none")
RERANKERS_BY_PRICE = ("llm-pairwise", "llm-pointwise", "llm-listwise", *FREE_RERANKERS)
"""Methods from the dearest to the one that does nothing; those behind a method may take its place."""

ROUNDING_USD = 1e-9

_SCOPE_PHRASES = {"question": "one question", "user": "one person in 24 hours", "server": "this server in 24 hours"}


@dataclass(frozen=True, slots=True)
class Limit:
    """US dollars; 0 is no limit."""

    soft_usd: float = 0.0
    hard_usd: float = 0.0

    @property
    def step_usd(self) -> float:
        """From where on cheaper methods are taken: without a soft limit, the hard one."""
        return self.soft_usd or self.hard_usd


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be spent: on one question, and in 24 hours by its asker and by everybody in the workspace."""

    question: Limit = field(default_factory=Limit)
    user: Limit = field(default_factory=Limit)
    server: Limit = field(default_factory=Limit)


@dataclass(frozen=True, slots=True)
class BudgetRequest:
    """How a question is to be answered, once its candidates are known."""

    rewritten: RewriteResult
    context: QuestionContext
    candidates: Sequence[Candidate]
    reranker_name: str
    reranker: Reranker
    """The requested reranker, built from its name."""
    top_k: int
    max_tokens: int
    """Longest answer."""
    context_tokens: int = 0
    """Up to so many tokens the passages get what stands around them."""


@dataclass(frozen=True, slots=True)
class PlanOption:
    """One way to go on, and what it is estimated to cost."""

    usd: float
    reranker: str = ""
    writes: bool = True
    """Whether the language model is asked to write."""


@dataclass(frozen=True, slots=True)
class BudgetPlan:
    """The way that fits."""

    reranker: Reranker
    writes: bool
    fallbacks: tuple[Fallback, ...] = ()


@dataclass(frozen=True, slots=True)
class Budget:
    """What one question may cost, beside what has been spent."""

    limits: Limits
    spending: Spending
    prompt_usd: float = 0.0
    """Price of a million tokens sent to the model that writes."""
    completion_usd: float = 0.0

    def plan_rewriting(self, question: str, conversation: Sequence[Exchange], chat: ChatModel) -> Fallback | None:
        """Set aside what rewriting a follow-up costs; gives a fallback where it has to be left out.

        Raises `BudgetExceeded`.
        """
        asked = self._priced(build_rewrite_messages(question, conversation), REWRITE_TOKENS)
        way, over = self._reserve([PlanOption(asked.cost_usd), PlanOption(0.0, writes=False)], 0.0)
        if way.writes or over is None:
            return None
        return Fallback("rewrite", chat.name, PREVIOUS_QUESTIONS, _format_soft_limit(over), over)

    def plan(self, wanted: BudgetRequest, rerankers: Mapping[str, Reranker], chat: ChatModel | None) -> BudgetPlan:
        """Find the way that fits and set aside what it costs; raises `BudgetExceeded`."""
        ways = self._ways(wanted, rerankers, writes=chat is not None)
        way, over = self._reserve(ways, wanted.rewritten.usage.cost_usd)
        replaced = []
        if over is not None and way.reranker != wanted.reranker_name:
            replaced.append(Fallback("rerank", wanted.reranker_name, way.reranker, _format_soft_limit(over), over))
        if over is not None and chat is not None and not way.writes:
            replaced.append(Fallback("generate", chat.name, EXTRACTIVE, _format_soft_limit(over), over))
        return BudgetPlan(_build_reranker(way.reranker, wanted, rerankers), way.writes, tuple(replaced))

    def estimate_answer(self, wanted: BudgetRequest) -> Usage:
        """Estimate the written answer at most: the longest of the candidates, and all the tokens it may have."""
        longest = sorted(wanted.candidates, key=lambda c: -estimate_tokens(c.text))[: wanted.top_k]
        passages = [RankedCandidate(candidate, rank, 0.0) for rank, candidate in enumerate(longest, 1)]
        around = wanted.context_tokens - sum(estimate_tokens(candidate.text) for candidate in longest)
        asked = build_answer_messages(wanted.rewritten.question, passages, wanted.context)
        return self._priced(asked, wanted.max_tokens, besides=max(0, around))

    def _priced(self, messages: Sequence[ChatMessage], completion_tokens: int, besides: int = 0) -> Usage:
        prompt_tokens = estimate_messages(messages) + besides
        cost = prompt_tokens * self.prompt_usd + completion_tokens * self.completion_usd
        return Usage(1, prompt_tokens, completion_tokens, cost / 1_000_000)

    def _ways(self, wanted: BudgetRequest, rerankers: Mapping[str, Reranker], *, writes: bool) -> list[PlanOption]:
        """List the ways from the one asked for to the one that costs least, each cheaper than the one before."""
        written = self.estimate_answer(wanted).cost_usd if writes else 0.0

        @cache
        def cost(name: str) -> float:
            reranker = _build_reranker(name, wanted, rerankers)
            return estimate_usage(reranker, wanted.rewritten.searched_as, wanted.candidates).cost_usd

        ways = [PlanOption(cost(wanted.reranker_name) + written, wanted.reranker_name, writes)]
        if cost(wanted.reranker_name):
            for name in _cheaper_rerankers(
                parse_cascade(wanted.reranker_name, rerankers.keys()), rerankers.keys(), cost
            ):
                if cost(name) + written < ways[-1].usd:
                    ways.append(PlanOption(cost(name) + written, name, writes))
        if written and not cost(ways[-1].reranker):
            ways.append(PlanOption(0.0, ways[-1].reranker, writes=False))
        return ways

    def _reserve(self, ways: Sequence[PlanOption], before_usd: float) -> tuple[PlanOption, ExceededLimit | None]:
        if not ways[0].usd:
            return ways[0], None

        def choose(spent: RecentSpending) -> tuple[float, tuple[PlanOption, ExceededLimit | None]]:
            way, over = _choose_option(ways, _LimitCheck(self.limits, spent, before_usd))
            return way.usd, (way, over)

        return self.spending.reserve(choose)


@dataclass(frozen=True, slots=True)
class _LimitCheck:
    """The limits, each beside what counts toward it."""

    limits: Limits
    spent: RecentSpending
    before_usd: float

    def __iter__(self) -> Iterator[tuple[BudgetScope, Limit, float]]:
        yield "question", self.limits.question, self.before_usd + self.spent.question_usd
        yield "user", self.limits.user, self.spent.user_usd
        yield "server", self.limits.server, self.spent.server_usd

    def over_step(self, usd: float) -> list[ExceededLimit]:
        """Give the limits from which on so much more has to be done in a cheaper way."""
        return self._over(usd, {scope: limit.step_usd for scope, limit, _ in self})

    def over_hard(self, usd: float) -> list[ExceededLimit]:
        """Give the hard limits that so much more would pass."""
        return self._over(usd, {scope: limit.hard_usd for scope, limit, _ in self})

    def over_last(self, usd: float) -> list[ExceededLimit]:
        """Give the soft limits that so much more would pass and that have no hard one behind them."""
        return self._over(usd, {scope: 0.0 if limit.hard_usd else limit.soft_usd for scope, limit, _ in self})

    def used_up(self, usd: float) -> list[ExceededLimit]:
        """Give the hard limits that have been reached already."""
        return [
            ExceededLimit(scope, limit.hard_usd, spent, usd)
            for scope, limit, spent in self
            if limit.hard_usd and spent >= limit.hard_usd - ROUNDING_USD
        ]

    def last(self, passed: Sequence[ExceededLimit]) -> ExceededLimit:
        """Of limits that are passed, give the one that holds longest, with the time when there is room."""
        return max(
            map(self._with_room, passed), key=lambda over: math.inf if over.frees_in_s is None else over.frees_in_s
        )

    def _with_room(self, over: ExceededLimit) -> ExceededLimit:
        """Add when there is room, where waiting helps."""
        if over.scope == "question" or over.estimated_usd > over.limit_usd + ROUNDING_USD:
            return over
        needed = over.spent_usd + over.estimated_usd - over.limit_usd
        return replace(over, frees_in_s=self.spent.frees_in_s(over.scope, needed))

    def _over(self, usd: float, most: Mapping[BudgetScope, float]) -> list[ExceededLimit]:
        return [
            ExceededLimit(scope, most[scope], spent, usd)
            for scope, _, spent in self
            if usd and most[scope] and spent + usd > most[scope] + ROUNDING_USD
        ]


def _build_reranker(name: str, request: BudgetRequest, rerankers: Mapping[str, Reranker]) -> Reranker:
    return request.reranker if name == request.reranker_name else build_cascade(name, rerankers)


def _choose_option(ways: Sequence[PlanOption], scopes: _LimitCheck) -> tuple[PlanOption, ExceededLimit | None]:
    asked = ways[0]
    complete = [way for way in ways if way.writes == asked.writes]
    least = complete[-1]
    # What passes a limit includes what has used it up, except where the least costs nothing.
    if refused := scopes.over_hard(least.usd) or scopes.used_up(least.usd or asked.usd):
        raise BudgetExceeded(_format_hard_limit(scopes.last(refused)))
    passed = scopes.over_step(asked.usd)
    if not passed:
        return asked, None
    over = scopes.last(passed)
    for way in complete[1:]:
        if not scopes.over_step(way.usd):
            return way, over
    return (ways[-1] if scopes.over_last(least.usd) else least), over


def _cheaper_rerankers(cascade: Cascade, known: Collection[str], cost_of: Callable[[str], float]) -> list[str]:
    """Name what may take a reranker's place, dearest first."""
    only = cascade.stages[0]
    if len(cascade.stages) == 1 and only.candidates is None and cascade.top_k is None:
        behind = (
            RERANKERS_BY_PRICE[RERANKERS_BY_PRICE.index(only.method) + 1 :]
            if only.method in RERANKERS_BY_PRICE
            else FREE_RERANKERS
        )
        return [name for name in behind if name in known]
    stages = tuple(stage for stage in cascade.stages if not cost_of(stage.method))
    stages = stages or tuple(Stage(name) for name in FREE_RERANKERS if name in known)[:1]
    return [str(Cascade(stages, cascade.top_k))] if stages else []


def _format_soft_limit(over: ExceededLimit) -> str:
    return f"It would cost about {format_usd(over.estimated_usd)}, and {_format_limit(over)}."


def _format_hard_limit(over: ExceededLimit) -> str:
    named = "QUESTION" if over.scope == "question" else f"{over.scope.upper()}_DAY"
    way_out = "" if over.frees_in_s is not None else f"; ask the operator to raise REFDESK_BUDGET_{named}_HARD_USD"
    return f"An answer would cost about {format_usd(over.estimated_usd)}, and {_format_limit(over)}{way_out}."


def _format_limit(over: ExceededLimit) -> str:
    said = f"the limit is {format_usd(over.limit_usd)} for {_SCOPE_PHRASES[over.scope]}"
    if over.scope != "question" or over.spent_usd:
        said += f", of which {format_usd(over.spent_usd)} are spent"
    return said if over.frees_in_s is None else f"{said}; there is room again in {format_duration(over.frees_in_s)}"
