"""Slices: score candidates a few at a time, so that a deadline and a cancellation are noticed in between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic

from pipeline.types import Candidate

BATCH_SIZE = 16
"""Candidates scored between two looks at the clock; as many as fill a batch on a processor without a GPU."""

OUT_OF_TIME = "the time for reranking was up."


def score_in_batches(
    candidates: Sequence[Candidate],
    score: Callable[[Sequence[Candidate]], Sequence[float]],
    *,
    deadline_s: float,
    on_progress: Callable[[int, int], None] | None,
) -> list[float | None]:
    """Score candidates in recall order until all are done or the time is up; what was not reached is None."""
    ends = monotonic() + deadline_s
    scores: list[float | None] = []
    for start in range(0, len(candidates), BATCH_SIZE):
        if monotonic() >= ends:
            break
        part = candidates[start : start + BATCH_SIZE]
        scores.extend(float(value) for value in score(part))
        if on_progress is not None:
            on_progress(len(scores), len(candidates))
    return scores + [None] * (len(candidates) - len(scores))
