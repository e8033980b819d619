"""Claimed numbers: tell which numbers of a sentence neither a passage nor, with care, the question has given."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.facts.number_words import write_in_digits
from pipeline.facts.numbers import Number, find_numbers, known_values, word_behind
from pipeline.generate.context import parts_of, readable
from pipeline.text.scripts import starts_east_asian
from pipeline.text.sentences import split_sentences
from pipeline.text.terms import content_terms, is_content_term, split_terms, term_overlap
from pipeline.types import RankedCandidate

SAME_MATTER = 0.5
"""Share of a claim's content terms that a sentence holds which may deny its number."""

_MONEY = {"$": "dollar", "\u20ac": "euro", "\u00a3": "pound", "\u00a5": "yen", "\uffe5": "元"}
# What is true from a number on, or up to it, denies no other number.
_LIMIT_BEFORE = re.compile(
    r"(?:\b(?:over|under|above|below|from|to|until|than|least|most|between|and|or|max|min|maximum|minimum|every|per|each)"
    r"|[-\u2013<>\u2264\u2265~至到])\s?\Z",
    re.IGNORECASE,
)
_LIMIT_AFTER = re.compile(
    r"\s?(?:[+-]|\w{0,12}\s?(?:(?:and|or)\s(?:over|under|above|more|less|older|younger|up)\b|以[上下内]))"
)


def missing_numbers(question: str, claim: str, passages: Sequence[RankedCandidate]) -> list[Number]:
    """Give the numbers of a claim that none of the passages holds, nor the question unless a passage denies it."""
    numbers = find_numbers(claim)
    if not numbers:
        return []
    known = frozenset[str]().union(*(known_values(readable(passage)) for passage in passages))
    asked = known_values(question)
    return [
        number
        for number in numbers
        if not number.is_among(known) and (not number.is_among(asked) or _is_denied(number, claim, passages))
    ]


def _is_denied(number: Number, claim: str, passages: Sequence[RankedCandidate]) -> bool:
    """Tell whether a sentence on the same matter counts the same things, once, and comes to another number."""
    unit = _unit(claim, number)
    if not unit:
        return False
    terms, said = content_terms(claim), known_values(claim)
    sentences = [s for passage in passages for part in parts_of(passage) for s in split_sentences(part.text)]
    shares = [(term_overlap(terms, sentence), sentence) for sentence in sentences]
    best = max((share for share, _ in shares), default=0.0)
    return best >= SAME_MATTER and any(share == best and _counts_otherwise(s, unit, said) for share, s in shares)


def _counts_otherwise(sentence: str, unit: str, said: frozenset[str]) -> bool:
    written = write_in_digits(sentence)
    counted = [number for number in find_numbers(written) if _unit(written, number) == unit]
    if len(counted) != 1 or counted[0].is_among(said):
        return False
    before, after = written[max(0, counted[0].start - 16) : counted[0].start], written[counted[0].end :][:32]
    return not (_LIMIT_BEFORE.search(before) or _LIMIT_AFTER.match(after))


def _unit(text: str, number: Number) -> str:
    """Name what a number counts, in the form that terms have; empty for times, dates and whatever counts nothing."""
    if money := _MONEY.get(text[: number.start].rstrip()[-1:]):
        return money
    after = text[number.end :][:32]
    if sign := _MONEY.get(after.lstrip()[:1]):
        return sign
    term = next(iter(split_terms(word_behind(after))), "")
    return term if term and (is_content_term(term) or starts_east_asian(term)) else ""
