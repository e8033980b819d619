"""Comparisons: the ways to get an order out of judgements on pairs, each as a game that asks for what it needs.

A game is a generator. It yields a pair of places and is sent the verdict: above 0 when the first is better, below 0
when the second is, 0 when nobody knows; then the one that stands in front stays in front. Whoever plays several games
at once decides how many judgements are made side by side.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Literal, TypeVar

Result = TypeVar("Result")
Pair = tuple[int, int]
ComparisonSequence = Generator[Pair, int, Result]

Strategy = Literal["sort", "sliding", "all-pairs"]


def all_pairs(count: int) -> list[Pair]:
    """List every pair of places once, the one in front first."""
    return [(first, second) for first in range(count) for second in range(first + 1, count)]


def compare_pair(first: int, second: int) -> ComparisonSequence[tuple[int, int, int]]:
    """Play one pair and report it with its verdict."""
    verdict = yield first, second
    return first, second, verdict


def merge_runs(left: Sequence[int], right: Sequence[int], depth: int) -> ComparisonSequence[list[int]]:
    """Merge two runs whose first `depth` places are sorted, as far as the first `depth` places of the result.

    What lies behind them can be no part of the best `depth` and goes back to its incoming order.
    """
    merged: list[int] = []
    at_left = at_right = 0
    while at_left < len(left) and at_right < len(right) and len(merged) < depth:
        verdict = yield left[at_left], right[at_right]
        if verdict < 0:
            merged.append(right[at_right])
            at_right += 1
        else:
            merged.append(left[at_left])
            at_left += 1
    rest = [*left[at_left:], *right[at_right:]]
    return merged + (rest if len(merged) < depth else sorted(rest))


def bubble_passes(count: int, passes: int) -> ComparisonSequence[list[int]]:
    """Let the best rise from the back to the front, one place of the result per pass."""
    order = list(range(count))
    for done in range(min(passes, count - 1)):
        for at in range(count - 1, done, -1):
            verdict = yield order[at - 1], order[at]
            if verdict < 0:
                order[at - 1], order[at] = order[at], order[at - 1]
    return order


def max_comparisons(strategy: Strategy, count: int, depth: int) -> int:
    """Count the comparisons of a strategy at most; each is two calls."""
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
