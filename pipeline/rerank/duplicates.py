"""Duplicates: find the candidates that say again what a better ranked one says, so that each passage brings something.

Broder, "On the resemblance and containment of documents" (1997) counts common runs of words. Here the better ranked
passage must contain the other word for word, since one word decides what a passage says: the north room, before noon,
hardly ever. What may differ is how it is written: case, signs, line breaks, forms of a word, how a number is spelled.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property

from pipeline.facts import find_facts, write_in_digits
from pipeline.text.scripts import is_spaceless
from pipeline.text.terms import expand_negations, split_terms
from pipeline.types import DUPLICATE, RankedCandidate

MIN_LENGTH_RATIO = 0.8
"""Share of the better ranked passage that its near-duplicate must hold; the rest of it stands before or behind."""
MIN_TERM_OVERLAP = 0.5
"""Share of their terms, which are quick to find, that two passages have in common before all is compared."""

_IGNORED_TERMS = frozenset({"the", "veri", "pleas", "\u5f88", "\u8bf7", "\u4e5f"})
"""Terms without which a sentence says the same: "the", "very", "please" and their like in Chinese."""
# Signs of money, arithmetic and share, and the minus of a number: "C" is not "C++", 5 % not 5.
_SIGN = re.compile(
    r"[$\u20ac\u00a3\u00a5\uffe5+<>=\u2264\u2265\u00b1%\uff05\u2030\u00b0#]|(?<![\w)])[-\u2212](?=\s?\Z)"
)


class _Passage:
    """A candidate with what it is compared by, each computed once."""

    def __init__(self, item: RankedCandidate) -> None:
        self.item = item
        candidate = item.candidate
        self.terms = frozenset(split_terms(candidate.text))
        self.headings = tuple(split_terms("\n".join(candidate.headings)))

    @cached_property
    def words(self) -> tuple[str, ...]:
        """What its text says; costly, and needed only for what resembles another."""
        return tuple(_words(self.item.candidate.text))

    @cached_property
    def said(self) -> str:
        """Its words as one text in which words can be looked for."""
        return "\0".join(("", *self.words, ""))

    @cached_property
    def subject(self) -> frozenset[str]:
        """The terms of its title and headings; a single letter may tell one printer from another."""
        return frozenset((*split_terms(self.item.candidate.title), *self.headings))


def flag_duplicates(question: str, ranked: Sequence[RankedCandidate]) -> tuple[RankedCandidate, ...]:
    """Flag every near-duplicate of a better ranked candidate; order, ranks and scores stay as they are."""
    asked = frozenset(split_terms(question))
    kept: list[_Passage] = []
    folded: list[RankedCandidate] = []
    for item in ranked:
        passage = _Passage(item)
        same = next((better.item for better in kept if _is_contained_in(better, passage, asked)), None)
        if same is None:
            kept.append(passage)
            folded.append(item)
        else:
            folded.append(replace(item, flags=(*item.flags, DUPLICATE), same_as=same.candidate.chunk_id))
    return tuple(folded)


def top_distinct(ranked: Sequence[RankedCandidate], top_k: int) -> tuple[RankedCandidate, ...]:
    """Give the Top-K: the best candidates that are no duplicates."""
    return tuple(item for item in ranked if DUPLICATE not in item.flags)[:top_k]


def _is_contained_in(better: _Passage, other: _Passage, asked: frozenset[str]) -> bool:
    """Tell whether a better ranked passage holds another, and speaks of the same."""
    if len(better.terms & other.terms) < MIN_TERM_OVERLAP * len(better.terms | other.terms):
        return False
    if not MIN_LENGTH_RATIO * len(better.words) <= len(other.words) <= len(better.words):
        return False
    if other.said not in better.said:
        return False
    if better.headings and other.headings and better.headings != other.headings:
        return False
    # A question about the south library is not answered from the same words about the north library.
    return not asked & (other.subject - better.subject)


def _words(text: str) -> Iterator[str]:
    """Yield what a text says in its order: its terms, its numbers however they are written, and telling signs."""
    text = write_in_digits(expand_negations(text))
    at = 0
    for fact in find_facts(text):
        yield from _between(text, at, fact.start)
        yield "/".join(sorted(fact.values))
        at = fact.end
    yield from _between(text, at, len(text))


def _between(text: str, at: int, end: int) -> Iterator[str]:
    for sign in _SIGN.finditer(text, at, end):
        yield from _terms(text[at : sign.start()])
        yield sign[0]
        at = sign.end()
    yield from _terms(text[at:end])


def _terms(text: str) -> Iterator[str]:
    for term in split_terms(text):
        is_pair = len(term) == 2 and is_spaceless(term)  # its characters are there one by one
        if not is_pair and term not in _IGNORED_TERMS:
            yield term
