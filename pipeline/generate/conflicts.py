"""Conflicts: find where sources of different documents say different things, and say so.

What can be told without understanding is this: two sentences with the same words whose numbers, times or dates differ.
A word more ("on Sundays"), another title ("North library", "South library"), a name of the question that only one
source knows, or another number as a name ("room 12") may mean that they speak of different things; such sentences are
left alone, and contradictions in other words are for a language model to see.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from pipeline.facts.number_names import is_name
from pipeline.facts.number_words import write_in_digits
from pipeline.facts.numbers import Number, find_numbers
from pipeline.prompts import detect_language
from pipeline.text.terms import content_terms, split_terms, write_out_negations
from pipeline.types import AnswerLanguage, RankedCandidate

LEAST_WORDS = 2
"""A sentence with fewer content terms beside its numbers does not say what they are about."""
NEARLY = 0.1
"""Two numbers that differ by no more than this share say the same where one of them is "about" right."""

# Left over from the source's list: "3 The gate …" counts nothing, "3 gates …" does.
_LIST_NUMBER = re.compile(r"\A[\s(\uff08]*\d{1,3}(?:\s+(?=[A-Z])|[.)\u3001\uff0e\uff09]\s*(?=\D))")
_YEAR = re.compile(r"(?:1[5-9]|20)\d\d")
_TELLING = frozenset(
    split_terms(
        "not no never without before after until from under over above below between during only except once more most "
        "less least up off out in must may can should 不 没 非 无 未 勿 禁 别 前 后 内 外 上 下"
    )
)
"""Terms that are no content terms, or only part of one, and yet make another statement."""
_LETTER = re.compile(r"(?<!\A)\b[A-Z]\b(?!['\u2019])")
_ROUGHLY = re.compile(
    r"\b(?:about|around|approximately|approx|roughly|nearly|almost|circa|ca|some)\b|约|大概|左右|将近|接近",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Words:
    content: frozenset[str]
    telling: frozenset[str]


@dataclass(frozen=True)
class Statement:
    """A sentence of a passage."""

    n: int
    """Number of its passage."""
    document_id: int
    text: str
    page: int | None = None
    title: str = ""
    headings: tuple[str, ...] = ()
    passage: str = ""
    """The whole text that it stands in."""

    @classmethod
    def of(cls, passage: RankedCandidate, n: int, text: str, page: int | None = None) -> Statement:
        """Make the statement of a sentence of passage n."""
        candidate = passage.candidate
        return cls(n, candidate.document_id, text, page, candidate.title, candidate.headings, candidate.text)

    @cached_property
    def _in_digits(self) -> str:
        return write_in_digits(_LIST_NUMBER.sub("", self.text))

    @cached_property
    def numbers(self) -> tuple[Number, ...]:
        """Its numbers, spelled out ones included, but not those that are names: room 12, version 2.1."""
        return tuple(number for number in find_numbers(self._in_digits) if not is_name(self._in_digits, number))

    @cached_property
    def words(self) -> _Words:
        """Its terms without the numbers."""
        rest = list(self._in_digits)
        for number in self.numbers:
            rest[number.start : number.end] = " " * (number.end - number.start)
        text = write_out_negations("".join(rest))
        return _Words(content_terms(text), _TELLING.intersection(split_terms(text)).union(_LETTER.findall(text)))

    @cached_property
    def subjects(self) -> tuple[frozenset[str], frozenset[str]]:
        """The terms of its title and of its headings; a year or a version names no other subject."""
        named = (self.title, "\n".join(self.headings))
        title, headings = (
            frozenset(term for term in split_terms(text) if not any(map(str.isdigit, term))) for text in named
        )
        return title, headings


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
    if one.words != other.words or len(one.words.content) < LEAST_WORDS or _is_other_subject(one, other):
        return False
    if _is_asked_about_one(question, one, other) or _is_asked_about_one(question, other, one):
        return False
    mine, theirs = differing(one, other), differing(other, one)
    if not mine or len(mine) != len(theirs) or _is_about_the_same(one, other, mine, theirs):
        return False
    # "On 5 May it cost 5" and "on 6 May it cost 6", or 5 as well, is no contradiction; a date alone may be one.
    return not (len(one.numbers) > 1 and any(map(_is_date, mine)) and any(map(_is_date, theirs)))


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
    chinese = (language or detect_language(question)) == "zh"
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


def _is_other_subject(one: Statement, other: Statement) -> bool:
    """Tell whether titles that have a word in common, or headings, each name something that the other does not."""
    (title, headings), (other_title, other_headings) = one.subjects, other.subjects
    if title & other_title and title - other_title and other_title - title:
        return True
    return bool(headings - other_headings and other_headings - headings)


def _is_asked_about_one(question: str, one: Statement, other: Statement) -> bool:
    """Tell whether the question names what one source is about, by title or headings, and the other never speaks of."""
    named = content_terms(question) & frozenset().union(*one.subjects)
    return bool(named) and not named <= frozenset().union(*other.subjects, split_terms(other.passage or other.text))


def _is_about_the_same(one: Statement, other: Statement, mine: Sequence[Number], theirs: Sequence[Number]) -> bool:
    if not (_ROUGHLY.search(one.text) or _ROUGHLY.search(other.text)):
        return False
    pairs = [(_amount(number), _amount(against)) for number, against in zip(mine, theirs, strict=True)]
    return all(a is not None and b is not None and abs(a - b) <= NEARLY * max(a, b) for a, b in pairs)


def _amount(number: Number) -> float | None:
    plain = [value for value in number.readings[0] if re.fullmatch(r"\d{1,15}(?:\.\d{1,9})?", value)]
    return float(plain[0]) if len(plain) == 1 else None


def _is_date(number: Number) -> bool:
    return bool(_YEAR.fullmatch(number.text)) or any(value.startswith(("day:", "month:")) for value in number.gives)
