"""Claims: find the facts of a claim that neither its passages nor, with restrictions, the question states."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pipeline.facts.find import find_facts, stated_values
from pipeline.facts.numbers import word_after
from pipeline.facts.values import Fact, Values
from pipeline.facts.words import write_in_digits
from pipeline.text.markdown import remove_struck
from pipeline.text.scripts import starts_east_asian
from pipeline.text.sentences import split_sentences
from pipeline.text.terms import content_terms, is_content_term, split_terms, term_overlap

SAME_SUBJECT = 0.5
"""Minimum share of a claim's content terms in a sentence that can contradict it."""

_MONEY = {"$": "dollar", "\u20ac": "euro", "\u00a3": "pound", "\u00a5": "yen", "\uffe5": "元"}
# "At least 5" and "5 to 9" contradict no other number.
_LIMIT_BEFORE = re.compile(
    r"(?:\b(?:over|under|above|below|from|to|until|than|least|most|between|and|or|max|min|maximum|minimum|every|per|each)"
    r"|[-\u2013<>\u2264\u2265~至到])\s?\Z",
    re.IGNORECASE,
)
_LIMIT_AFTER = re.compile(
    r"\s?(?:[+-]|\w{0,12}\s?(?:(?:and|or)\s(?:over|under|above|more|less|older|younger|up)\b|以[上下内]))"
)


def find_unsupported(claim: str, passages: Iterable[str], question: str, texts: Iterable[str]) -> list[Fact]:
    """Return the facts of a claim that are neither in a passage nor in the question.

    A fact of the question does not count if a sentence of the passages on the same subject states another number.

    Args:
        claim: A sentence of a written answer.
        passages: The passages that the claim cites, with titles and headings.
        question: The question that the answer is for.
        texts: The texts of these passages without titles and headings.
    """
    facts = find_facts(claim)
    if not facts:
        return []
    stated, asked = Values().union(*map(stated_values, map(remove_struck, passages))), stated_values(question)
    missing = [fact for fact in facts if not fact.is_stated_by(stated)]
    if not any(fact.is_stated_by(asked) for fact in missing):
        return missing
    sentences = [sentence for text in texts for sentence in split_sentences(remove_struck(text))]
    return [fact for fact in missing if not fact.is_stated_by(asked) or _is_denied(fact, claim, sentences)]


def _is_denied(fact: Fact, claim: str, sentences: Sequence[str]) -> bool:
    """Return True if one of the sentences closest to the claim states another number for the same unit."""
    unit = _unit(claim, fact)
    if not unit:
        return False
    terms, claimed = content_terms(claim), stated_values(claim)
    shares = [(term_overlap(terms, sentence), sentence) for sentence in sentences]
    best = max((share for share, _ in shares), default=0.0)
    return best >= SAME_SUBJECT and any(share == best and _states_another(s, unit, claimed) for share, s in shares)


def _states_another(sentence: str, unit: str, claimed: Values) -> bool:
    text = write_in_digits(sentence)
    counted = [fact for fact in find_facts(text) if _unit(text, fact) == unit]
    if len(counted) != 1 or counted[0].is_stated_by(claimed):
        return False
    before, after = text[max(0, counted[0].start - 16) : counted[0].start], text[counted[0].end :][:32]
    return not (_LIMIT_BEFORE.search(before) or _LIMIT_AFTER.match(after))


def _unit(text: str, fact: Fact) -> str:
    """Return the term that a number counts; empty for times, dates and numbers without a unit."""
    after = text[fact.end :][:32]
    if money := _MONEY.get(text[: fact.start].rstrip()[-1:]) or _MONEY.get(after.lstrip()[:1]):
        return money
    term = next(iter(split_terms(word_after(after))), "")
    return term if term and (is_content_term(term) or starts_east_asian(term)) else ""
