"""Cascades: a cheap method reads many candidates, an expensive one only the best of them; see `pipeline.cascades`.

Multi-stage ranking: Nogueira et al., "Multi-Stage Document Ranking with BERT" (arXiv 1910.14424). Candidates that a
stage does not read keep the order of the previous stage and follow those that it reads, so the result is a full
permutation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic

from pipeline.cascades import Cascade, Stage, parse_cascade
from pipeline.ports import Reranker
from pipeline.rerank.auto import AutoReranker
from pipeline.rerank.cost_estimates import estimate_usage
from pipeline.rerank.depth import DepthLimit
from pipeline.rerank.fallback import FallbackReranker, try_rerank
from pipeline.rerank.results import UNSCORED, append_unread, rank_by_recall
from pipeline.types import Candidate, Fallback, RankedCandidate, RerankResult, Usage

STAGE_TIME_SHARE = 0.5
"""Share of the remaining time that a stage before the last may use."""


@dataclass(frozen=True, slots=True)
class _State:
    """The result of the stages so far."""

    ranked: tuple[RankedCandidate, ...]
    method: str
    """The last stage that succeeded, or its fallback."""
    complete: bool = False
    """Whether the latest stage succeeded without a fallback."""
    fallbacks: tuple[Fallback, ...] = ()
    usage: Usage = field(default_factory=Usage)
    hashes: tuple[str, ...] = ()


class CascadeReranker:
    """Runs its stages one after the other. A stage that fails leaves the order of the previous one."""

    def __init__(self, cascade: Cascade, rerankers: Mapping[str, Reranker]) -> None:
        """Create the cascade from its parsed name and the rerankers by name."""
        self.method = str(cascade)
        self.top_k = cascade.top_k
        self._limits = [stage.candidates for stage in cascade.stages]
        chosen = [_choose(stage, rerankers) for stage in cascade.stages]
        # Only the first stage keeps its fallbacks. For a later one the order of the previous stage is a better fallback
        # than a method that ignores that order.
        self._stages = [chosen[0], *(_without_fallbacks(reranker) for reranker in chosen[1:])]

    def rerank(
        self,
        question: str,
        candidates: Sequence[Candidate],
        *,
        deadline_s: float,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> RerankResult:
        """Return the order after the last stage; each candidate has the score of the last stage that read it."""
        ends = monotonic() + deadline_s
        state = _State(rank_by_recall(candidates, "none"), "none")
        for place, (stage, limit) in enumerate(zip(self._stages, self._limits, strict=True)):
            left = ends - monotonic()
            share = 1.0 if place == len(self._stages) - 1 else STAGE_TIME_SHARE
            state = _run_stage(stage, limit, question, state, left * share, on_progress)
        ranked = tuple(replace(ranked, rank=rank) for rank, ranked in enumerate(state.ranked, 1))
        method = self.method if state.complete else state.method
        return RerankResult(ranked, method, state.fallbacks, state.usage, state.hashes)

    def estimate(self, question: str, candidates: Sequence[Candidate]) -> Usage:
        """Estimate the cost of all stages together, as if each read the first of the candidates."""
        estimated = Usage()
        left = list(candidates)
        for stage, limit in zip(self._stages, self._limits, strict=True):
            left = left[:limit]
            estimated += estimate_usage(stage, question, left)
        return estimated


def build_cascade(name: str, rerankers: Mapping[str, Reranker]) -> Reranker:
    """Return the reranker with this name, or build the cascade that the name describes.

    Raises:
        UnknownName: The name is neither.
    """
    if name in rerankers:
        return rerankers[name]
    cascade = parse_cascade(name, rerankers.keys())
    only = cascade.stages[0]
    if len(cascade.stages) == 1 and only.candidates is None and cascade.top_k is None:
        return rerankers[only.method]
    return CascadeReranker(cascade, rerankers)


def top_k_of(reranker: Reranker) -> int | None:
    """Return the Top-K in the name of a reranker; None if the name contains none."""
    return reranker.top_k if isinstance(reranker, CascadeReranker) else None


def _choose(stage: Stage, rerankers: Mapping[str, Reranker]) -> Reranker:
    """Return the reranker of a stage; one whose name contains a number reads that many candidates."""
    reranker = rerankers[stage.method]
    return reranker if stage.candidates is None else _without_depth_limit(reranker)


def _without_depth_limit(reranker: Reranker) -> Reranker:
    if isinstance(reranker, FallbackReranker):
        return FallbackReranker(_without_depth_limit(reranker.primary), *reranker.fallbacks)
    if isinstance(reranker, AutoReranker):
        return AutoReranker(reranker.cross_encoder, _without_depth_limit(reranker.otherwise), reranker.is_usable)
    return reranker.reranker if isinstance(reranker, DepthLimit) else reranker


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
    succeeded = not head or any(UNSCORED not in ranked.flags for ranked in result.ranked)
    if succeeded:
        ranked, method, fallbacks = append_unread(result.ranked, tail), result.method, result.fallbacks
    else:
        ranked, method = state.ranked, state.method
        fallbacks = tuple(replace(fallback, used=state.method) for fallback in result.fallbacks)
    return _State(
        ranked=ranked,
        method=method,
        complete=succeeded and result.method == stage.method,
        fallbacks=state.fallbacks + fallbacks,
        usage=state.usage + result.usage,
        hashes=state.hashes + result.prompt_hashes,
    )
