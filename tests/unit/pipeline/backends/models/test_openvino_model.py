"""Batches of an inference: full, of equal size, and work for every stream."""

from __future__ import annotations

import pytest

from pipeline.backends.models.openvino_model import BATCH_TOKENS, split_batches


@pytest.mark.parametrize(
    ("lengths", "sizes"),
    [
        ([12], [1]),  # one question
        ([30, 30], [2]),
        ([25] * 12, [6, 6]),  # the sentences of an extractive answer
        ([200] * 16, [4, 4, 4, 4]),
        ([200] * 30, [5] * 6),
        ([512] * 5, [2, 2, 1]),
        ([3000], [1]),
        ([0, 5, 0], [1]),
        ([0], []),
        ([], []),
    ],
)
def test_split_batches(lengths: list[int], sizes: list[int]) -> None:
    batches = split_batches(lengths, streams=2, batch_size=32)
    assert [len(batch) for batch in batches] == sizes
    assert sorted(row for batch in batches for row in batch) == [n for n, length in enumerate(lengths) if length]


def test_split_batches__sorts_by_length_and_limits_tokens_and_texts() -> None:
    lengths = [7 * n % 300 + 1 for n in range(500)]
    batches = split_batches(lengths, streams=2, batch_size=16)
    ordered = [lengths[row] for batch in batches for row in batch]
    assert ordered == sorted(lengths, reverse=True)
    assert all(len(batch) <= 16 and len(batch) * lengths[batch[0]] <= BATCH_TOKENS for batch in batches)
