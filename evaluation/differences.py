"""Compare methods by question, because equal averages can come from different questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaluation.metrics import p_value
from evaluation.quality import MethodResult

MIN_DIFFERENCE = 1e-9


@dataclass(frozen=True, slots=True)
class Difference:
    """A question on which two methods differ."""

    question: str
    text: str
    before: float
    """nDCG@10 of the first method."""
    after: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """A method compared with the first one."""

    method: str
    against: str
    won: int
    tied: int
    lost: int
    p: float
    """p value of the difference of the averages."""
    largest: tuple[Difference, ...]
    """The questions with the largest differences in either direction."""


def compare_methods(methods: Sequence[MethodResult], texts: Mapping[str, str], most: int) -> tuple[Comparison, ...]:
    """Compare each method with the first one.

    Args:
        methods: The results of all methods.
        texts: The questions by ID.
        most: Maximum number of differences per method.
    """
    if not methods:
        return ()
    first = methods[0]
    return tuple(_compare_with_first(first, method, texts, most) for method in methods[1:])


def _compare_with_first(first: MethodResult, method: MethodResult, texts: Mapping[str, str], most: int) -> Comparison:
    changes = {question: after - first.ndcg_of[question] for question, after in method.ndcg_of.items()}
    won = sum(change > MIN_DIFFERENCE for change in changes.values())
    lost = sum(change < -MIN_DIFFERENCE for change in changes.values())
    largest = sorted(changes, key=lambda question: (-abs(changes[question]), question))[:most]
    return Comparison(
        method.method,
        first.method,
        won,
        len(changes) - won - lost,
        lost,
        p_value(list(changes.values())),
        tuple(
            Difference(question, texts.get(question, ""), first.ndcg_of[question], method.ndcg_of[question])
            for question in largest
            if abs(changes[question]) > MIN_DIFFERENCE
        ),
    )
