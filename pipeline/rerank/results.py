"""Permutations: turn whatever scores a method gave into the full, ordered result that every reranker owes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.types import Candidate, Fallback, RankedCandidate, RerankResult, Usage

UNSCORED = "unscored"
"""Nothing usable was said about the candidate, so that it kept its incoming place."""
REPAIRED = "repaired"
"""The model had to be asked a second time for the right form."""
CORRECTED = "corrected"
"""The reply about the candidate and its neighbours held repeated, foreign or missing numbers."""


@dataclass(frozen=True, slots=True)
class CandidateScore:
    """What a method found out about one candidate."""

    score: float | None
    """0..1; None when the method gave nothing usable."""
    raw_score: float | None = None
    reason: str = ""
    flags: tuple[str, ...] = ()


def rank_by_score(
    candidates: Sequence[Candidate], scored: Sequence[CandidateScore], method: str
) -> tuple[RankedCandidate, ...]:
    """Order candidates by score, best first; equal scores keep their recall order.

    A candidate without a score keeps the place recall gave it, since nothing speaks for moving it, and is flagged; it
    shows the score of its upper neighbour, so that scores never rise down the list.
    """
    usable = [i for i in range(len(candidates)) if _is_usable(scored[i])]
    best_first = iter(sorted(usable, key=lambda i: -(scored[i].score or 0.0)))
    placed = [next(best_first) if _is_usable(scored[i]) else i for i in range(len(candidates))]
    ranked: list[RankedCandidate] = []
    shown = max((scored[i].score or 0.0 for i in usable), default=0.0)
    for rank, i in enumerate(placed, 1):
        known = _is_usable(scored[i])
        shown = min(1.0, max(0.0, scored[i].score or 0.0)) if known else shown
        ranked.append(
            RankedCandidate(
                candidate=candidates[i],
                rank=rank,
                score=shown,
                raw_score=scored[i].raw_score if known else None,
                reason=scored[i].reason if known else "",
                method=method,
                flags=scored[i].flags if known else (UNSCORED,),
            )
        )
    return tuple(ranked)


def rank_by_order(
    candidates: Sequence[Candidate], order: Sequence[int], method: str, flags: Mapping[int, tuple[str, ...]]
) -> tuple[RankedCandidate, ...]:
    """Put candidates in the order of a method that gives places and no scores.

    The score is a matter of rank only, from 1 down in even steps, so that it is never taken for a probability; the raw
    score is the number of candidates below, None for one that nothing was said about.
    """
    below = len(candidates) - 1
    return tuple(
        RankedCandidate(
            candidate=candidates[i],
            rank=rank,
            score=1.0 - (rank - 1) / len(candidates),
            raw_score=None if UNSCORED in flags.get(i, ()) else float(below - rank + 1),
            method=method,
            flags=flags.get(i, ()),
        )
        for rank, i in enumerate(order, 1)
    )


def rank_by_recall(
    candidates: Sequence[Candidate], method: str, flags: tuple[str, ...] = ()
) -> tuple[RankedCandidate, ...]:
    """Keep the order of recall; each score is the recall score as a share of the best one."""
    best = max((c.recall_score for c in candidates), default=0.0)
    ranked: list[RankedCandidate] = []
    score = 1.0
    for rank, candidate in enumerate(candidates, 1):
        share = candidate.recall_score / best if best > 0 else 1.0 / rank
        score = max(0.0, min(score, share))
        ranked.append(RankedCandidate(candidate, rank, score, candidate.recall_score, method=method, flags=flags))
    return tuple(ranked)


def failed_result(
    candidates: Sequence[Candidate],
    method: str,
    reason: str,
    usage: Usage | None = None,
    prompt_hashes: tuple[str, ...] = (),
) -> RerankResult:
    """Answer for a method that could not do its work: recall order, with the fallback and its costs on record."""
    return RerankResult(
        ranked=rank_by_recall(candidates, "none", (UNSCORED,)),
        method="none",
        fallbacks=(Fallback("rerank", method, "none", reason),),
        usage=usage or Usage(),
        prompt_hashes=prompt_hashes,
    )


def unscored_fallbacks(ranked: Sequence[RankedCandidate], method: str, reason: str) -> tuple[Fallback, ...]:
    """Put on record that some candidates kept the place of recall; nothing when all were scored."""
    missing = sum(UNSCORED in r.flags for r in ranked)
    if not missing:
        return ()
    return (
        Fallback("rerank", method, "none", f"{missing} of {len(ranked)} candidates kept their recall place: {reason}"),
    )


def is_full_permutation(ranked: Sequence[RankedCandidate], candidates: Sequence[Candidate]) -> bool:
    """Tell whether a result holds every candidate once, with ranks 1..n and scores within 0..1."""
    return (
        sorted(r.candidate.chunk_id for r in ranked) == sorted(c.chunk_id for c in candidates)
        and [r.rank for r in ranked] == list(range(1, len(candidates) + 1))
        and all(0.0 <= r.score <= 1.0 for r in ranked)
    )


def _is_usable(scored: CandidateScore) -> bool:
    return scored.score is not None and math.isfinite(scored.score)
