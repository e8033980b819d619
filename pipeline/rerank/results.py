"""Build the result that every reranker returns: a full permutation of the candidates with scores from 0 to 1."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from pipeline.types import Candidate, Fallback, RankedCandidate, RerankResult, Usage

UNSCORED = "unscored"
"""Flag: the method returned nothing usable for the candidate, so it kept its incoming place."""
REPAIRED = "repaired"
"""Flag: the reply came from a repair request."""
CORRECTED = "corrected"
"""Flag: numbers in the reply about the candidate and its neighbours were repeated, unknown or missing."""


@dataclass(frozen=True, slots=True)
class CandidateScore:
    """A method's score of one candidate."""

    score: float | None
    """0..1; None if the method returned nothing usable."""
    raw_score: float | None = None
    reason: str = ""
    flags: tuple[str, ...] = ()


def rank_by_score(
    candidates: Sequence[Candidate], scored: Sequence[CandidateScore], method: str
) -> tuple[RankedCandidate, ...]:
    """Order candidates by score, best first; equal scores keep their recall order.

    A candidate without a score keeps its place and is flagged. It gets the score of the candidate above it, so that
    scores never increase down the list.

    Args:
        candidates: The candidates in recall order.
        scored: One score per candidate; `CandidateScore(None)` for an unscored one.
        method: The reranker's name.
    """
    usable = [i for i in range(len(candidates)) if _is_usable(scored[i])]
    best_first = iter(sorted(usable, key=lambda i: -(scored[i].score or 0.0)))
    placed = [next(best_first) if _is_usable(scored[i]) else i for i in range(len(candidates))]
    ranked: list[RankedCandidate] = []
    score = max((scored[i].score or 0.0 for i in usable), default=0.0)
    for rank, i in enumerate(placed, 1):
        known = _is_usable(scored[i])
        score = min(1.0, max(0.0, scored[i].score or 0.0)) if known else score
        ranked.append(
            RankedCandidate(
                candidate=candidates[i],
                rank=rank,
                score=score,
                raw_score=scored[i].raw_score if known else None,
                reason=scored[i].reason if known else "",
                method=method,
                flags=scored[i].flags if known else (UNSCORED,),
            )
        )
    return tuple(ranked)


def rank_by_order(
    candidates: Sequence[Candidate],
    order: Sequence[int],
    method: str,
    flags: Mapping[int, tuple[str, ...]],
    reasons: Mapping[int, str] = MappingProxyType({}),
) -> tuple[RankedCandidate, ...]:
    """Order candidates by a method that returns no scores.

    The score depends on the rank only: it decreases from 1 in equal steps, so that it cannot be mistaken for a
    probability. The raw score is the number of candidates below, None for an unscored one.

    Args:
        candidates: The candidates in recall order.
        order: Indexes of all candidates, best first.
        method: The reranker's name.
        flags: Flags by index.
        reasons: Reasons by index.
    """
    below = len(candidates) - 1
    return tuple(
        RankedCandidate(
            candidate=candidates[i],
            rank=rank,
            score=1.0 - (rank - 1) / len(candidates),
            raw_score=None if UNSCORED in flags.get(i, ()) else float(below - rank + 1),
            reason=reasons.get(i, ""),
            method=method,
            flags=flags.get(i, ()),
        )
        for rank, i in enumerate(order, 1)
    )


def rank_by_recall(
    candidates: Sequence[Candidate], method: str, flags: tuple[str, ...] = ()
) -> tuple[RankedCandidate, ...]:
    """Keep the order of recall. Each score is the recall score divided by the best one."""
    best = max((c.recall_score for c in candidates), default=0.0)
    ranked: list[RankedCandidate] = []
    score = 1.0
    for rank, candidate in enumerate(candidates, 1):
        share = candidate.recall_score / best if best > 0 else 1.0 / rank
        score = max(0.0, min(score, share))
        ranked.append(RankedCandidate(candidate, rank, score, candidate.recall_score, method=method, flags=flags))
    return tuple(ranked)


def append_unread(ranked: Sequence[RankedCandidate], unread: Sequence[RankedCandidate]) -> tuple[RankedCandidate, ...]:
    """Append candidates that a method did not read; each scores at most as high as the last one that it read."""
    lowest = ranked[-1].score if ranked else 1.0
    return (*ranked, *(replace(candidate, score=min(candidate.score, lowest)) for candidate in unread))


def failed_result(
    candidates: Sequence[Candidate],
    method: str,
    reason: str,
    usage: Usage | None = None,
    prompt_hashes: tuple[str, ...] = (),
) -> RerankResult:
    """Build the result of a method that failed: recall order, with the reason, its usage and its prompts."""
    return RerankResult(
        ranked=rank_by_recall(candidates, "none", (UNSCORED,)),
        method="none",
        fallbacks=(Fallback("rerank", method, "none", reason),),
        usage=usage or Usage(),
        prompt_hashes=prompt_hashes,
    )


def unscored_fallbacks(ranked: Sequence[RankedCandidate], method: str, reason: str) -> tuple[Fallback, ...]:
    """Return a fallback that records how many candidates have no score; empty if all were scored."""
    missing = sum(UNSCORED in r.flags for r in ranked)
    if not missing:
        return ()
    # The bot recognises this reason by its words "kept their recall place".
    return (
        Fallback("rerank", method, "none", f"{missing} of {len(ranked)} candidates kept their recall place: {reason}"),
    )


def is_full_permutation(ranked: Sequence[RankedCandidate], candidates: Sequence[Candidate]) -> bool:
    """Check that a result contains every candidate once, with ranks 1..n and scores within 0..1."""
    return (
        sorted(r.candidate.chunk_id for r in ranked) == sorted(c.chunk_id for c in candidates)
        and [r.rank for r in ranked] == list(range(1, len(candidates) + 1))
        and all(0.0 <= r.score <= 1.0 for r in ranked)
    )


def _is_usable(scored: CandidateScore) -> bool:
    return scored.score is not None and math.isfinite(scored.score)
