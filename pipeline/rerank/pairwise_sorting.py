"""Derive an order from comparisons of pairs, as generators that request the comparisons they need.

A `ComparisonSequence` yields a pair of indexes and is sent the verdict: above 0 if the first one is better, below 0 if
the second one is, 0 for a tie; then the earlier one stays in front. The caller runs several generators in parallel and
decides how many comparisons are made concurrently.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Literal, TypeVar

Result = TypeVar("Result")
Pair = tuple[int, int]
ComparisonSequence = Generator[Pair, int, Result]

Strategy = Literal["sort", "sliding", "all-pairs"]


def all_pairs(count: int) -> list[Pair]:
    """Return every pair of indexes once, the smaller one first."""
    return [(first, second) for first in range(count) for second in range(first + 1, count)]


def compare_pair(first: int, second: int) -> ComparisonSequence[tuple[int, int, int]]:
    """Compare one pair and return it with its verdict."""
    verdict = yield first, second
    return first, second, verdict


def merge_runs(left: Sequence[int], right: Sequence[int], depth: int) -> ComparisonSequence[list[int]]:
    """Merge two runs whose first `depth` positions are sorted, up to the first `depth` positions of the result.

    The others cannot be among the best `depth` and return to their incoming order.
    """
    merged: list[int] = []
    left_index = right_index = 0
    while left_index < len(left) and right_index < len(right) and len(merged) < depth:
        verdict = yield left[left_index], right[right_index]
        if verdict < 0:
            merged.append(right[right_index])
            right_index += 1
        else:
            merged.append(left[left_index])
            left_index += 1
    rest = [*left[left_index:], *right[right_index:]]
    return merged + (rest if len(merged) < depth else sorted(rest))


def bubble_passes(count: int, passes: int) -> ComparisonSequence[list[int]]:
    """Move the best one from the back to the front in each pass, which decides one position of the result."""
    order = list(range(count))
    for decided in range(min(passes, count - 1)):
        for position in range(count - 1, decided, -1):
            verdict = yield order[position - 1], order[position]
            if verdict < 0:
                order[position - 1], order[position] = order[position], order[position - 1]
    return order


def max_comparisons(strategy: Strategy, count: int, depth: int) -> int:
    """Return the highest number of comparisons of a strategy; each takes two calls."""
    if strategy == "all-pairs":
        return count * (count - 1) // 2
    if strategy == "sliding":
        passes = max(0, min(depth, count - 1))
        return passes * (count - 1) - passes * (passes - 1) // 2
    total, size = 0, 1
    while size < count:
        for start in range(0, count - size, 2 * size):
            right = min(size, count - start - size)
            total += min(size + right - 1, depth)
        size *= 2
    return total
