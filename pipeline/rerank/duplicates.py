"""Duplicates: find the candidates that say again what a better ranked one says, so that each passage brings something.

Broder, "On the resemblance and containment of documents" (1997): passages are compared by the runs of three terms that
they have in common. Of two passages that differ in a number, a negation or a weekday neither is a duplicate, however
long they are: they may contradict each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from pipeline.numbers import find_numbers, write_in_digits
from pipeline.terms import split_terms
from pipeline.types import DUPLICATE, Ranked

RUN = 3
SAME_PASSAGE = 0.8
"""Share of their runs that two passages have in common when one is a near-duplicate of the other."""

_TELLING = frozenset(
    {"not", "no", "never", "without", "none", "cannot", "only", "except", "不", "没", "非", "无", "未", "勿", "禁"}
    | {"don", "doesn", "didn", "isn", "aren", "wasn", "weren", "won", "mustn", "shouldn", "couldn", "wouldn"}
    | {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "周日", "周天", "期日", "期天"}
)
"""Terms that turn a sentence around or say when it holds; the other Chinese weekdays end in a number."""


Runs = frozenset[tuple[str, ...]]


class _Passage:
    """A candidate with what it is compared by, each computed once: many may resemble many."""

    def __init__(self, item: Ranked) -> None:
        self.item = item
        self.runs = _runs(item.candidate.text)

    @cached_property
    def telling(self) -> tuple[list[list[str]], Counter[str]]:
        """Its numbers and the terms that turn a sentence around; costly, and needed only for what resembles another."""
        return _telling(self.item.candidate.text)


def fold_duplicates(ranked: Sequence[Ranked]) -> tuple[Ranked, ...]:
    """Flag every near-duplicate of a better ranked candidate; order, ranks and scores stay as they are."""
    kept: list[_Passage] = []
    folded: list[Ranked] = []
    for item in ranked:
        passage = _Passage(item)
        same = next((better.item for better in kept if _say_the_same(passage, better)), None)
        if same is None:
            kept.append(passage)
            folded.append(item)
        else:
            folded.append(replace(item, flags=(*item.flags, DUPLICATE), same_as=same.candidate.chunk_id))
    return tuple(folded)


def distinct(ranked: Sequence[Ranked], top_k: int) -> tuple[Ranked, ...]:
    """Give the Top-K: the best candidates that are no duplicates."""
    return tuple(item for item in ranked if DUPLICATE not in item.flags)[:top_k]


def _runs(text: str) -> Runs:
    terms = list(split_terms(text))
    return frozenset(tuple(terms[start : start + RUN]) for start in range(max(1, len(terms) - RUN + 1)))


def _resemble(one: Runs, other: Runs) -> bool:
    few, many = sorted((len(one), len(other)))
    if few < SAME_PASSAGE * many:
        return False
    shared = len(one & other)
    return shared >= SAME_PASSAGE * (few + many - shared)


def _say_the_same(one: _Passage, other: _Passage) -> bool:
    return _resemble(one.runs, other.runs) and one.telling == other.telling


def _telling(text: str) -> tuple[list[list[str]], Counter[str]]:
    numbers = sorted(sorted(number.gives) for number in find_numbers(write_in_digits(text)))
    return numbers, Counter(term for term in split_terms(text) if term in _TELLING)
