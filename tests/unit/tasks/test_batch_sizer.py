"""The size of batches of documents."""

from __future__ import annotations

import pytest

from db.job_batches import MAX_JOBS
from tasks.batch_sizer import BATCH_S, MIN_SIZE, BatchSizer


@pytest.mark.parametrize(
    ("documents", "seconds", "size"),
    [
        (64, 0.3, MAX_JOBS),
        (64, BATCH_S, MAX_JOBS),
        (64, 2 * BATCH_S, 32),
        (64, 11.0, MIN_SIZE),
        (1, 0.03 * BATCH_S, 33),
        (1, 60.0, MIN_SIZE),
        (1, 0.0, MAX_JOBS),
    ],
)
def test_size__is_a_second_of_work_within_limits(documents: int, seconds: float, size: int) -> None:
    sizer = BatchSizer()
    assert sizer.size == MIN_SIZE
    sizer.record(documents, seconds)
    assert sizer.size == size
