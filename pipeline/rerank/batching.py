"""Score candidates in batches, so that a deadline or a cancellation takes effect between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic

from pipeline.types import Candidate

BATCH_SIZE = 16
"""Candidates per batch: the number that a CPU processes efficiently."""

OUT_OF_TIME = "The time for reranking ran out."


def score_in_batches(
    candidates: Sequence[Candidate],
    score: Callable[[Sequence[Candidate]], Sequence[float]],
    *,
    deadline_s: float,
    on_progress: Callable[[int, int], None] | None,
) -> list[float | None]:
    """Score candidates in their order until all are done or the time runs out.

    Args:
        candidates: The candidates.
        score: Returns one score per candidate of a batch.
        deadline_s: Time in seconds.
        on_progress: Called with the number of scored candidates and the total.

    Returns:
        One score per candidate; None for those that were not reached.
    """
    ends = monotonic() + deadline_s
    scores: list[float | None] = []
    for start in range(0, len(candidates), BATCH_SIZE):
        if monotonic() >= ends:
            break
        batch = candidates[start : start + BATCH_SIZE]
        scores.extend(float(value) for value in score(batch))
        if on_progress is not None:
            on_progress(len(scores), len(candidates))
    return scores + [None] * (len(candidates) - len(scores))
