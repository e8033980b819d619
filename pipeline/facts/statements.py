"""Statements: sentences of passages that state the same or contradict each other.

Two sentences of different documents contradict each other if they have the same words and different numbers, times or
dates. One more word ("on Sundays"), another title ("North library", "South library"), a name in the question that only
one passage contains, or another number as a label ("room 12") may mean different subjects, so such sentences do not
count. Contradictions in other words are left to the language model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from pipeline.facts.find import find_facts
from pipeline.facts.labels import is_label
from pipeline.facts.values import Fact
from pipeline.facts.words import write_in_digits
from pipeline.text.terms import content_terms, expand_negations, split_terms
from pipeline.types import RankedCandidate

LEAST_WORDS = 2
"""Content terms that a sentence needs apart from its numbers to show what they are about."""
ROUGHLY_EQUAL = 0.1
"""Relative difference up to which two numbers are the same if one of them is approximate."""

# A number from the source's list: "3 The gate …", but not "3 gates …".
_LIST_NUMBER = re.compile(r"\A[\s(\uff08]*\d{1,3}(?:\s+(?=[A-Z])|[.)\u3001\uff0e\uff09]\s*(?=\D))")
_YEAR = re.compile(r"(?:1[5-9]|20)\d\d")
_AMOUNT = re.compile(r"\d{1,15}(?:\.\d{1,9})?")
_MODIFIERS = frozenset(
    split_terms(
        "not no never without before after until from under over above below between during only except once more most "
        "less least up off out in must may can should 不 没 非 无 未 勿 禁 别 前 后 内 外 上 下"
    )
)
"""Terms that are not content terms, or only part of one, but change the meaning of a sentence."""
_LETTER = re.compile(r"(?<!\A)\b[A-Z]\b(?!['\u2019])")
_APPROXIMATE = re.compile(
    r"\b(?:about|around|approximately|approx|roughly|nearly|almost|circa|ca|some)\b|约|大概|左右|将近|接近",
    re.IGNORECASE,
)


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
    """The text of the passage."""

    @classmethod
    def of(cls, passage: RankedCandidate, n: int, text: str, page: int | None = None) -> Statement:
        """Build the statement of a sentence of passage n."""
        candidate = passage.candidate
        return cls(n, candidate.document_id, text, page, candidate.title, candidate.headings, candidate.text)

    def contradicts(self, other: Statement, question: str) -> bool:
        """Return True if both are about the same subject, in different documents, and state different facts."""
        if self.document_id == other.document_id or not self.facts or not other.facts:
            return False
        if self.words != other.words or len(self.words[0]) < LEAST_WORDS or _have_different_subjects(self, other):
            return False
        if _only_one_is_asked_about(question, self, other) or _only_one_is_asked_about(question, other, self):
            return False
        mine, theirs = self.differences(other), other.differences(self)
        if not mine or len(mine) != len(theirs) or self._is_roughly_equal(other, mine, theirs):
            return False
        # "On 5 May it cost 5" and "on 6 May it cost 6" do not contradict each other. A date alone may.
        return not (len(self.facts) > 1 and any(map(_is_date, mine)) and any(map(_is_date, theirs)))

    def repeats(self, other: Statement) -> bool:
        """Return True if both differ at most in the notation of their numbers."""
        return self.words == other.words and self.states_same_facts(other)

    def states_same_facts(self, other: Statement) -> bool:
        """Return True if both state the same facts, whatever their words."""
        return not self.differences(other) and not other.differences(self)

    def differences(self, other: Statement) -> list[Fact]:
        """Return the facts of this statement that the other does not state."""
        return [fact for fact in self.facts if not any(fact.matches(theirs) for theirs in other.facts)]

    @cached_property
    def facts(self) -> tuple[Fact, ...]:
        """Its numbers, dates and times, spelled-out ones included, without labels (room 12, version 2.1)."""
        return tuple(fact for fact in find_facts(self._in_digits) if not is_label(self._in_digits, fact))

    @cached_property
    def words(self) -> tuple[frozenset[str], frozenset[str]]:
        """Its content terms without the facts, and the modifiers and single letters that change its meaning."""
        rest = list(self._in_digits)
        for fact in self.facts:
            rest[fact.start : fact.end] = " " * (fact.end - fact.start)
        text = expand_negations("".join(rest))
        return content_terms(text), _MODIFIERS.intersection(split_terms(text)).union(_LETTER.findall(text))

    @cached_property
    def subjects(self) -> tuple[frozenset[str], frozenset[str]]:
        """The terms of its title and of its headings, without years and versions, which do not name a subject."""
        title, headings = (
            frozenset(term for term in split_terms(text) if not any(map(str.isdigit, term)))
            for text in (self.title, "\n".join(self.headings))
        )
        return title, headings

    @cached_property
    def _in_digits(self) -> str:
        return write_in_digits(_LIST_NUMBER.sub("", self.text))

    def _is_roughly_equal(self, other: Statement, mine: Sequence[Fact], theirs: Sequence[Fact]) -> bool:
        if not (_APPROXIMATE.search(self.text) or _APPROXIMATE.search(other.text)):
            return False
        pairs = [(_amount(fact), _amount(against)) for fact, against in zip(mine, theirs, strict=True)]
        return all(a is not None and b is not None and abs(a - b) <= ROUGHLY_EQUAL * max(a, b) for a, b in pairs)


def distinct_statements(statements: Iterable[Statement], known: Iterable[Statement] = ()) -> list[Statement]:
    """Return the first statement of each version that is not known. A version is the facts of a statement."""
    versions, found = list(known), list[Statement]()
    for statement in statements:
        if not any(map(statement.states_same_facts, versions)):
            versions.append(statement)
            found.append(statement)
    return found


def _have_different_subjects(one: Statement, other: Statement) -> bool:
    """Return True if similar titles, or the headings, each name something that the other does not."""
    (title, headings), (other_title, other_headings) = one.subjects, other.subjects
    if title & other_title and title - other_title and other_title - title:
        return True
    return bool(headings - other_headings and other_headings - headings)


def _only_one_is_asked_about(question: str, one: Statement, other: Statement) -> bool:
    """Return True if the question names a term of one title or heading path that the other passage does not contain."""
    named = content_terms(question) & frozenset().union(*one.subjects)
    return bool(named) and not named <= frozenset().union(*other.subjects, split_terms(other.passage or other.text))


def _amount(fact: Fact) -> float | None:
    plain = [value for value in fact.readings[0] if _AMOUNT.fullmatch(value)]
    return float(plain[0]) if len(plain) == 1 else None


def _is_date(fact: Fact) -> bool:
    return bool(_YEAR.fullmatch(fact.text)) or fact.is_date
