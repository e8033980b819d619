"""Fallback chains: if a method fails, the next one is used, and the failure is recorded with its reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from time import monotonic

from pipeline.errors import Cancelled, LeaseLost, usage_of_error
from pipeline.ports import Reranker
from pipeline.rerank.cost_estimates import estimate_usage
from pipeline.rerank.reasons import Explanation, explain_with
from pipeline.rerank.results import UNSCORED, failed_result, is_full_permutation, rank_by_recall
from pipeline.types import Candidate, Fallback, RerankResult, Usage

RESERVED_TIME_SHARE = 0.25
"""Share of the remaining time that a method must leave for its fallbacks."""


class FallbackReranker:
    """Tries its methods in order within one deadline. The order of recall is the last fallback."""

    def __init__(self, primary: Reranker, *fallbacks: Reranker) -> None:
        """Create the chain from the requested method and what replaces it, in order."""
        self._chain = (primary, *fallbacks)
        self.method = primary.method

    @property
    def primary(self) -> Reranker:
        """The requested method, without its fallbacks."""
        return self._chain[0]

    @property
    def fallbacks(self) -> tuple[Reranker, ...]:
        """What replaces it, in order."""
        return self._chain[1:]

    def rerank(
        self,
        question: str,
        candidates: Sequence[Candidate],
        *,
        deadline_s: float,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> RerankResult:
        """Return the first usable result.

        Raises:
            Cancelled: The job was cancelled.
            LeaseLost: The worker lost the job's lease.
        """
        ends = monotonic() + deadline_s
        failed: list[Fallback] = []
        usage = Usage()
        hashes: tuple[str, ...] = ()
        for place, reranker in enumerate(self._chain):
            left = ends - monotonic()
            share = 1.0 - RESERVED_TIME_SHARE if _has_real_method(self._chain[place + 1 :]) else 1.0
            result = try_rerank(reranker, question, candidates, left * share, on_progress)
            usage, hashes = usage + result.usage, hashes + result.prompt_hashes
            if not candidates or any(UNSCORED not in ranked.flags for ranked in result.ranked):
                return _with_fallbacks(result, failed, usage, hashes)
            failed.extend(
                result.fallbacks or (Fallback("rerank", reranker.method, "none", "It scored none of the candidates."),)
            )
        last = RerankResult(rank_by_recall(candidates, "none"), "none")
        return _with_fallbacks(last, failed, usage, hashes)

    def estimate(self, question: str, candidates: Sequence[Candidate]) -> Usage:
        """Estimate the cost of the requested method; its fallbacks run locally."""
        return estimate_usage(self.primary, question, candidates)

    def explain(self, question: str, passages: Sequence[Candidate], *, deadline_s: float, spent: Usage) -> Explanation:
        """Return the reasons of the requested method, which are asked for only where it ranked."""
        return explain_with(self.primary, question, passages, deadline_s=deadline_s, spent=spent)


def try_rerank(
    reranker: Reranker,
    question: str,
    candidates: Sequence[Candidate],
    deadline_s: float,
    on_progress: Callable[[int, int], None] | None,
) -> RerankResult:
    """Rerank with a method; any failure becomes a result in recall order with the reason as its fallback.

    Raises:
        Cancelled: The job was cancelled.
        LeaseLost: The worker lost the job's lease.
    """
    if deadline_s <= 0 and reranker.method != "none":
        return failed_result(candidates, reranker.method, "No time was left for this method.")
    try:
        result = reranker.rerank(question, candidates, deadline_s=deadline_s, on_progress=on_progress)
    except (Cancelled, LeaseLost):
        raise
    except Exception as error:  # noqa: BLE001 - whatever fails here, the question is still answered
        return failed_result(candidates, reranker.method, f"{type(error).__name__}: {error}", usage_of_error(error))
    if not is_full_permutation(result.ranked, candidates):
        return failed_result(
            candidates,
            reranker.method,
            "Its result is not a permutation of the candidates.",
            result.usage,
            result.prompt_hashes,
        )
    return result


def _has_real_method(rest: Sequence[Reranker]) -> bool:
    return any(reranker.method != "none" for reranker in rest)


def _with_fallbacks(
    result: RerankResult, failed: Sequence[Fallback], usage: Usage, hashes: tuple[str, ...]
) -> RerankResult:
    # Each failed method names the method that finally replaced it, not the next one in the chain.
    record = tuple(replace(fallback, used=result.method) for fallback in failed)
    return replace(result, fallbacks=record + result.fallbacks, usage=usage, prompt_hashes=hashes)
