"""Find candidates that repeat a better ranked one, so that every passage of an answer adds information.

Broder, "On the resemblance and containment of documents" (1997) counts common runs of words. Here the better ranked
passage must contain the other one word for word, because a single word can change the meaning: the north room, before
noon, hardly ever. Only the form may differ: case, punctuation, line breaks, inflection, the spelling of numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import pairwise

from pipeline.facts import find_facts, write_in_digits
from pipeline.text.scripts import is_spaceless
from pipeline.text.terms import expand_negations, split_terms
from pipeline.types import DUPLICATE, RankedCandidate

MIN_LENGTH_RATIO = 0.8
"""A near-duplicate has at least this share of the words of the better ranked passage."""
MIN_PAIR_OVERLAP = 0.5
"""Two passages are compared word by word only if the better one contains this share of the other's adjacent terms."""

_IGNORED_TERMS = frozenset({"the", "veri", "pleas", "\u5f88", "\u8bf7", "\u4e5f"})
"""Terms that do not change the meaning of a sentence: "the", "very", "please" and their Chinese equivalents."""
# Currency, arithmetic and percent signs, and the minus of a number: "C" differs from "C++", 5 % from 5.
_SIGN = re.compile(
    r"[$\u20ac\u00a3\u00a5\uffe5+<>=\u2264\u2265\u00b1%\uff05\u2030\u00b0#]|(?<![\w)])[-\u2212](?=\s?\Z)"
)


class _Passage:
    """A candidate with the values it is compared by, each computed once."""

    def __init__(self, item: RankedCandidate) -> None:
        self.item = item
        candidate = item.candidate
        # The ends count as terms, so that a passage of one word has adjacent terms too.
        self.pairs = frozenset(pairwise(("", *_compared_terms(candidate.text), "")))
        self.headings = tuple(split_terms("\n".join(candidate.headings)))

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The words of its text; expensive, and computed only if its terms resemble those of another passage."""
        return tuple(_words(self.item.candidate.text))

    @cached_property
    def joined_words(self) -> str:
        """The words as one string, to search for a run of words."""
        return "\0".join(("", *self.words, ""))

    @cached_property
    def subject(self) -> frozenset[str]:
        """The terms of its title and headings, including single letters: they may distinguish two printers."""
        return frozenset((*split_terms(self.item.candidate.title), *self.headings))


def flag_duplicates(
    question: str, ranked: Sequence[RankedCandidate], top_k: int | None = None
) -> tuple[RankedCandidate, ...]:
    """Flag near-duplicates of better ranked candidates, without changing order, ranks and scores.

    With `top_k`, only repetitions of the first `top_k` distinct candidates are flagged: the others are not read.
    """
    question_terms = frozenset(split_terms(question))
    originals: list[_Passage] = []
    flagged: list[RankedCandidate] = []
    for item in ranked:
        passage = _Passage(item)
        original = next((other.item for other in originals if _repeats(passage, other, question_terms)), None)
        if original is None:
            if top_k is None or len(originals) < top_k:
                originals.append(passage)
            flagged.append(item)
        else:
            flagged.append(replace(item, flags=(*item.flags, DUPLICATE), same_as=original.candidate.chunk_id))
    return tuple(flagged)


def top_distinct(ranked: Sequence[RankedCandidate], top_k: int) -> tuple[RankedCandidate, ...]:
    """Return the best `top_k` candidates that are not duplicates."""
    return tuple(item for item in ranked if DUPLICATE not in item.flags)[:top_k]


def _repeats(passage: _Passage, better: _Passage, question_terms: frozenset[str]) -> bool:
    """Check whether a better ranked passage contains the words of this one and has the same subject."""
    if len(better.pairs & passage.pairs) < MIN_PAIR_OVERLAP * len(passage.pairs):
        return False
    if not MIN_LENGTH_RATIO * len(better.words) <= len(passage.words) <= len(better.words):
        return False
    if passage.joined_words not in better.joined_words:
        return False
    if better.headings and passage.headings and better.headings != passage.headings:
        return False
    # A question about the south library is not answered by the same words about the north library.
    return not question_terms & (passage.subject - better.subject)


def _words(text: str) -> Iterator[str]:
    """Yield the terms, numbers (in one spelling) and relevant signs of a text in their order."""
    text = write_in_digits(expand_negations(text))
    position = 0
    for fact in find_facts(text):
        yield from _words_between(text, position, fact.start)
        yield "/".join(sorted(fact.values))
        position = fact.end
    yield from _words_between(text, position, len(text))


def _words_between(text: str, start: int, end: int) -> Iterator[str]:
    for sign in _SIGN.finditer(text, start, end):
        yield from _compared_terms(text[start : sign.start()])
        yield sign[0]
        start = sign.end()
    yield from _compared_terms(text[start:end])


def _compared_terms(text: str) -> Iterator[str]:
    for term in split_terms(text):
        is_pair = len(term) == 2 and is_spaceless(term)  # its characters are separate terms
        if not is_pair and term not in _IGNORED_TERMS:
            yield term
