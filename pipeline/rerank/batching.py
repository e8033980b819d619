"""Score candidates or sentences in batches, so that a deadline or a cancellation takes effect between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic
from typing import TypeVar

BATCH_SIZE = 16
"""Items per batch: the number that a CPU processes efficiently."""

OUT_OF_TIME = "The time for reranking ran out."

Item = TypeVar("Item")


def score_in_batches(
    items: Sequence[Item],
    score: Callable[[Sequence[Item]], Sequence[float]],
    *,
    deadline_s: float,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[float | None]:
    """Score items in their order until all are done or the time runs out.

    Args:
        items: The candidates or sentences.
        score: Returns one score per item of a batch.
        deadline_s: Time in seconds.
        on_progress: Called with the number of scored items and the total.

    Returns:
        One score per item; None for those that were not reached.
    """
    ends = monotonic() + deadline_s
    scores: list[float | None] = []
    for start in range(0, len(items), BATCH_SIZE):
        if monotonic() >= ends:
            break
        batch = items[start : start + BATCH_SIZE]
        scores.extend(float(value) for value in score(batch))
        if on_progress is not None:
            on_progress(len(scores), len(items))
    return scores + [None] * (len(items) - len(scores))
