"""Deriving an order from comparisons of pairs."""

from __future__ import annotations

import random

import pytest

from pipeline.rerank.pairwise_sorting import (
    ComparisonSequence,
    Result,
    Strategy,
    bubble_passes,
    max_comparisons,
    merge_runs,
)


def run_sequence(sequence: ComparisonSequence[Result], better: dict[int, int]) -> tuple[Result, int]:
    """Run one sequence with a value per index; return its result and the number of comparisons."""
    asked = 0
    try:
        pair = next(sequence)
        while True:
            asked += 1
            pair = sequence.send((better[pair[0]] > better[pair[1]]) - (better[pair[0]] < better[pair[1]]))
    except StopIteration as end:
        return end.value, asked


@pytest.mark.parametrize("count", [2, 3, 7, 20, 50])
def test_bubble_passes__best_positions_with_the_expected_comparisons(count: int) -> None:
    better = dict(enumerate(random.Random(count).sample(range(count), count)))
    found, asked = run_sequence(bubble_passes(count, 10), better)
    assert [better[i] for i in found[:10]] == sorted(better.values(), reverse=True)[:10]
    assert sorted(found) == list(range(count))
    assert asked == max_comparisons("sliding", count, 10)


def test_merge_runs__ties_and_the_rest_keep_the_incoming_order() -> None:
    assert run_sequence(merge_runs([0, 1], [2, 3], 10), dict.fromkeys(range(4), 0)) == ([0, 1, 2, 3], 2)
    assert run_sequence(merge_runs([4, 0, 2], [5, 1, 3], 2), {4: 9, 5: 8, 0: 7, 2: 6, 1: 5, 3: 4})[0] == [
        4,
        5,
        0,
        1,
        2,
        3,
    ]


@pytest.mark.parametrize(("strategy", "comparisons"), [("sort", 163), ("sliding", 445), ("all-pairs", 1225)])
def test_max_comparisons__of_fifty(strategy: Strategy, comparisons: int) -> None:
    assert max_comparisons(strategy, 50, 10) == comparisons
