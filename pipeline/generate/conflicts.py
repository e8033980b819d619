"""Conflicts: find where sources of different documents say different things, and say so.

What can be told without understanding is this: two sentences alike in their words whose numbers, times or dates differ.
Sentences in which a word has taken another's place ("in summer", "in winter") speak of different things and are left
alone; contradictions in other words are for a language model to see.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from pipeline.number_words import write_in_digits
from pipeline.numbers import Number, find_numbers, known_values
from pipeline.prompts import language_of
from pipeline.terms import content_terms
from pipeline.types import AnswerLanguage

SAME_WORDS = 0.75
"""Share of their words that two sentences have in common when they speak of the same."""
LEAST_WORDS = 2
"""A sentence with fewer content terms beside its numbers does not say what they are about."""

# Left over from the source's list: "3 The gate …" counts nothing, "3 gates …" does.
_LIST_NUMBER = re.compile(r"\A[\s(\uff08]*\d{1,3}(?:\s+(?=[A-Z])|[.)\u3001\uff0e\uff09]\s*(?=\D))")
_YEAR = re.compile(r"(?:1[5-9]|20)\d\d")


@dataclass(frozen=True)
class Statement:
    """A sentence of a passage."""

    n: int
    """Number of its passage."""
    document_id: int
    text: str
    page: int | None = None

    @cached_property
    def _in_digits(self) -> str:
        return write_in_digits(_LIST_NUMBER.sub("", self.text))

    @cached_property
    def numbers(self) -> tuple[Number, ...]:
        """Its numbers, spelled out ones included."""
        return tuple(find_numbers(self._in_digits))

    @cached_property
    def words(self) -> frozenset[str]:
        """Its content terms without the numbers."""
        rest = list(self._in_digits)
        for number in self.numbers:
            rest[number.start : number.end] = " " * (number.end - number.start)
        return content_terms("".join(rest))


def first_of_each(statements: Iterable[Statement], besides: Iterable[Statement] = ()) -> list[Statement]:
    """Give the first statement of each version, a version being its numbers; none of those that are known besides."""
    known = list(besides)
    found: list[Statement] = []
    for statement in statements:
        if not any(_same_numbers(statement, version) for version in (*known, *found)):
            found.append(statement)
    return found


def disagree(question: str, one: Statement, other: Statement) -> bool:
    """Tell whether statements of two documents speak of the same and give different numbers for it."""
    if one.document_id == other.document_id or not one.numbers or not other.numbers:
        return False
    shared = len(one.words & other.words)
    fewer, more = sorted((len(one.words), len(other.words)))
    if shared < max(fewer, LEAST_WORDS) or shared < SAME_WORDS * more:
        return False
    mine, theirs = differing(one, other), differing(other, one)
    if not mine or len(mine) != len(theirs):
        return False
    asked = known_values(question)
    if any(number.is_among(asked) for number in (*mine, *theirs)):
        return False  # "Form 12" and "form 13": the question names the one it is about
    # "In 2023 it cost 5" and "in 2024 it cost 6" is no contradiction.
    return len(mine) == 1 or not (any(map(_is_year, mine)) and any(map(_is_year, theirs)))


def say_the_same(one: Statement, other: Statement) -> bool:
    """Tell whether two statements differ at most in how they write their numbers."""
    return one.words == other.words and _same_numbers(one, other)


def differing(one: Statement, other: Statement) -> list[Number]:
    """Give the numbers of one statement that the other does not have."""
    return [number for number in one.numbers if not any(number.same_as(theirs) for theirs in other.numbers)]


def distinct_groups(groups: Iterable[Iterable[int]]) -> tuple[tuple[int, ...], ...]:
    """Put groups of citations in order, each once and none that a larger one holds."""
    sets = {frozenset(group) for group in groups}
    return tuple(sorted(tuple(sorted(group)) for group in sets if len(group) > 1 and not any(group < s for s in sets)))


def say_conflicts(question: str, groups: Sequence[Sequence[int]], language: AnswerLanguage) -> str:
    """Say which sources disagree, in the language of the answer."""
    chinese = (language or language_of(question)) == "zh"
    said = []
    for group in groups:
        marks = [f"[{n}]" for n in group]
        if chinese:
            said.append(f"资料说法不一：{'、'.join(marks[:-1])}与{marks[-1]}。")
        else:
            said.append(f"The sources disagree: {', '.join(marks[:-1])} and {marks[-1]}.")
    return ("" if chinese else " ").join(said)


def _same_numbers(one: Statement, other: Statement) -> bool:
    return not differing(one, other) and not differing(other, one)


def _is_year(number: Number) -> bool:
    return bool(_YEAR.fullmatch(number.text))
