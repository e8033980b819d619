"""Cascades: a cheap method reads many candidates, a dear one the few it left on top; see `pipeline.cascades`.

Multi-stage ranking: Nogueira et al., "Multi-Stage Document Ranking with BERT" (arXiv 1910.14424). What a stage does not
read keeps the order that the stage before gave it, behind what it does read, so the result is a full permutation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic

from pipeline.cascades import Cascade, parse_cascade
from pipeline.ports import Reranker
from pipeline.rerank.cost_estimates import estimate_usage
from pipeline.rerank.fallback import FallbackReranker, try_rerank
from pipeline.rerank.results import UNSCORED, rank_by_recall
from pipeline.types import Candidate, Fallback, RankedCandidate, RerankResult, Usage

STAGE_TIME_SHARE = 0.5
"""Share of the time left that a stage may take which has others behind it."""


@dataclass(frozen=True, slots=True)
class _State:
    """What the stages so far have come to."""

    ranked: tuple[RankedCandidate, ...]
    method: str
    """The last stage that did its work, or what stood in for it."""
    complete: bool = False
    """Whether the stage just run was that one."""
    fallbacks: tuple[Fallback, ...] = ()
    usage: Usage = field(default_factory=Usage)
    hashes: tuple[str, ...] = ()


class CascadeReranker:
    """Runs its stages one after the other; one that fails leaves the order as it found it."""

    def __init__(self, cascade: Cascade, rerankers: Mapping[str, Reranker]) -> None:
        """Take what the name says and the rerankers by name."""
        self.method = str(cascade)
        self.top_k = cascade.top_k
        self._limits = [stage.candidates for stage in cascade.stages]
        chosen = [rerankers[stage.method] for stage in cascade.stages]
        # The first stage has its fallbacks behind it; behind a later one stands the order it found, which is better
        # than what a fallback that knows nothing of it would make.
        self._stages = [chosen[0], *(_without_fallbacks(reranker) for reranker in chosen[1:])]

    def rerank(
        self,
        question: str,
        candidates: Sequence[Candidate],
        *,
        deadline_s: float,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> RerankResult:
        """Give the order after the last stage, with the scores of the stage that placed each candidate last."""
        ends = monotonic() + deadline_s
        state = _State(rank_by_recall(candidates, "none"), "none")
        for place, (stage, limit) in enumerate(zip(self._stages, self._limits, strict=True)):
            left = ends - monotonic()
            share = 1.0 if place == len(self._stages) - 1 else STAGE_TIME_SHARE
            state = _run_stage(stage, limit, question, state, left * share, on_progress)
        ranked = tuple(replace(ranked, rank=rank) for rank, ranked in enumerate(state.ranked, 1))
        held = self.method if state.complete else state.method
        return RerankResult(ranked, held, state.fallbacks, state.usage, state.hashes)

    def estimate(self, question: str, candidates: Sequence[Candidate]) -> Usage:
        """Estimate what all stages will cost together, as if each read the first of the candidates."""
        estimated = Usage()
        left = list(candidates)
        for stage, limit in zip(self._stages, self._limits, strict=True):
            left = left[:limit]
            estimated += estimate_usage(stage, question, left)
        return estimated


def build_cascade(name: str, rerankers: Mapping[str, Reranker]) -> Reranker:
    """Find the reranker of this name or put its cascade together; raises `UnknownName` for any other name."""
    if name in rerankers:
        return rerankers[name]
    cascade = parse_cascade(name, rerankers.keys())
    only = cascade.stages[0]
    if len(cascade.stages) == 1 and only.candidates is None and cascade.top_k is None:
        return rerankers[only.method]
    return CascadeReranker(cascade, rerankers)


def top_k_of(reranker: Reranker) -> int | None:
    """Give the Top-K that the name of a reranker asks for; None when it asks for none."""
    return reranker.top_k if isinstance(reranker, CascadeReranker) else None


def _without_fallbacks(reranker: Reranker) -> Reranker:
    return reranker.primary if isinstance(reranker, FallbackReranker) else reranker


def _run_stage(
    stage: Reranker,
    limit: int | None,
    question: str,
    state: _State,
    deadline_s: float,
    on_progress: Callable[[int, int], None] | None,
) -> _State:
    head, tail = state.ranked[:limit], state.ranked[limit:] if limit is not None else ()
    result = try_rerank(stage, question, [ranked.candidate for ranked in head], deadline_s, on_progress)
    worked = not head or any(UNSCORED not in ranked.flags for ranked in result.ranked)
    if worked:
        # What a stage did not read is worth no more than the last that it did.
        least = result.ranked[-1].score if result.ranked else 1.0
        following = tuple(replace(ranked, score=min(ranked.score, least)) for ranked in tail)
        ranked, method, fallbacks = result.ranked + following, result.method, result.fallbacks
    else:
        ranked, method = state.ranked, state.method
        fallbacks = tuple(replace(fallback, used=state.method) for fallback in result.fallbacks)
    return _State(
        ranked=ranked,
        method=method,
        complete=worked and result.method == stage.method,
        fallbacks=state.fallbacks + fallbacks,
        usage=state.usage + result.usage,
        hashes=state.hashes + result.prompt_hashes,
    )
