"""Unit scores: how well each unit of the passages answers a question.

A unit is scored by its similarity to the question, its share of the question's rare terms, and whether it adds a fact
of the kind that the question asks for. The context of a unit counts for it: an answer inherits the score of its
question, a sentence a part of the score of the sentence before it, which names what a pronoun means.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log

from pipeline.generate.expected_answers import adds_fact, expected_fact
from pipeline.text.markdown import drop_link_targets
from pipeline.text.terms import content_terms, is_content_term, single_characters, split_terms
from pipeline.text.units import Unit

TERM_WEIGHT = 0.6
"""Weight of the share of the question's terms; the cosine similarity has weight 1."""
CONTEXT_WEIGHT = 0.5
"""Weight of a term that only the context, headings or title contain, relative to one in the unit."""
RANK_WEIGHT = 0.3
"""Added to the units of the first passage; half of it to those of the second, and so on."""
FACT_WEIGHT = 0.15
"""Added to a unit that adds a fact of the expected kind."""
DISTANCE_WEIGHT = 0.08
"""Subtracted per unit between a question and its answer."""
OTHER_QUESTION_WEIGHT = 0.2
"""Subtracted from an answer without the kind of fact asked for whose question asks for another kind."""
PREVIOUS_WEIGHT = 0.15
"""Share of the previous unit's relevance that is added."""
PRONOUN_FACTOR = 1.7
"""Factor of this share for a unit that starts with a pronoun."""
REPETITION_SHARE = 0.8
"""Share of the question's terms from which a unit without a fact of the expected kind only repeats the question."""
REPETITION_WEIGHT = 0.3
"""Subtracted from such a unit."""
REPEATED_WEIGHT = 0.5
"""Share of the relevance of such a unit that is added to the next one, which often answers it."""
VISIBLE_FACTS = frozenset({"time", "number", "money"})
"""Kinds of facts that can be recognised in any sentence."""
PAIR_WEIGHT = 0.2
"""Added to a "key: value" line whose key the question names; subtracted if the question names the value."""

_PRONOUN = re.compile(
    r"(?:\w+\s){0,2}(?:he|she|it|they|this|these|his|her|its|their|er|sie|es|dies\w*|sein\w*|ihr\w*)\b|[它他她其该此这]",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class PlacedUnit:
    """A unit with its position."""

    unit: Unit
    passage: int
    """0-based position of its passage."""
    place: int
    """0-based position in its passage."""
    above: str
    """Title and headings of its passage."""


def texts_to_compare(units: Sequence[PlacedUnit]) -> list[str]:
    """Return the texts whose similarity to the question `score_units` needs, without repetitions."""
    texts: dict[str, None] = {}
    for placed in units:
        texts[placed.unit.text] = None
        if placed.unit.is_answer:
            texts[placed.unit.context] = None
    return list(texts)


def score_units(question: str, units: Sequence[PlacedUnit], similarity: Mapping[str, float]) -> list[float]:
    """Return the score of each unit; only scores of the same question are comparable."""
    asked = _Question(question, units, similarity)
    scores: list[float] = []
    inherited = 0.0
    for placed in units:
        unit = placed.unit
        relevance = asked.relevance(placed)
        if placed.place and not unit.is_answer:
            relevance += inherited * (PRONOUN_FACTOR if _PRONOUN.match(unit.text) else 1.0)
        score = relevance + RANK_WEIGHT / (placed.passage + 1)
        inherited = PREVIOUS_WEIGHT * relevance
        if adds_fact(asked.expected, question, f"{unit.heading}\n{unit.text}"):
            score += FACT_WEIGHT
        elif asked.is_repeated_by(unit):
            score -= REPETITION_WEIGHT
            inherited = REPEATED_WEIGHT * relevance
        if len(unit.cells) == 1:
            score += PAIR_WEIGHT * _answers_key(asked.terms, unit.cells[0])
        scores.append(score)
    return scores


class _Question:
    """A question with the weights of its terms among the units."""

    def __init__(self, text: str, units: Sequence[PlacedUnit], similarity: Mapping[str, float]) -> None:
        self.text = text
        self.terms = content_terms(text) | single_characters(text)
        self.expected = expected_fact(text)
        self._similarity = similarity
        self._stated = {p.unit.text: frozenset(split_terms(drop_link_targets(p.unit.text))) for p in units}
        frequency = Counter(term for stated in self._stated.values() for term in stated & self.terms)
        # Inverse document frequency: a term of every unit does not help to choose one.
        self._weights = {t: log(1 + (len(self._stated) + 1) / (frequency[t] + 0.5)) for t in self.terms}
        self._total = sum(self._weights.values()) or 1.0

    def relevance(self, placed: PlacedUnit) -> float:
        """Return the similarity and the share of the terms, of the unit or of the question that it answers."""
        unit, stated = placed.unit, self._stated[placed.unit.text]
        context = frozenset(split_terms(f"{unit.context}\n{placed.above}"))
        own = self._similarity[unit.text] + TERM_WEIGHT * self._share(stated, context)
        if not unit.is_answer:
            return own
        known = stated.union(split_terms(unit.context))
        answered = self._similarity[unit.context] + TERM_WEIGHT * self._share(known, context)
        if self._asks_another(unit):
            answered -= OTHER_QUESTION_WEIGHT
        return max(own, answered - DISTANCE_WEIGHT * unit.distance)

    def _asks_another(self, unit: Unit) -> bool:
        """Return True if the context of a unit asks for another kind of fact, or for none that the unit contains."""
        kind = expected_fact(unit.context)
        return kind != self.expected != "" and (kind != "" or not adds_fact(self.expected, self.text, unit.text))

    def is_repeated_by(self, unit: Unit) -> bool:
        """Return True if a unit contains the question's terms, but not the kind of fact that it asks for."""
        return self.expected in VISIBLE_FACTS and self._share(self._stated[unit.text], frozenset()) >= REPETITION_SHARE

    def _share(self, stated: frozenset[str], context: frozenset[str]) -> float:
        def found(term: str) -> float:
            return 1.0 if term in stated else CONTEXT_WEIGHT if term in context else 0.0

        return sum(weight * found(term) for term, weight in self._weights.items()) / self._total


def _answers_key(terms: frozenset[str], pair: tuple[str, str]) -> float:
    """Return 1 if the question names the key of a "key: value" line, -1 if it names the value, or a share."""
    key, value = (content_terms(text) for text in pair)
    return len(key & terms) / max(len(key), 1) - len(value & terms) / max(len(value), 1)


def adds_to_question(question: str, unit: Unit) -> bool:
    """Return True if a unit with its heading, without keys, has a content term that the question does not have."""
    return _adds_terms(question, f"{unit.heading}\n{_text_without_keys(unit)}")


def needs_heading(question: str, unit: Unit) -> bool:
    """Return True if the heading of a unit, but not its text, adds what the question asks for."""
    if not unit.heading:
        return False
    text, expected = _text_without_keys(unit), expected_fact(question)
    if not _adds_terms(question, text):
        return True
    return adds_fact(expected, question, unit.heading) and not adds_fact(expected, question, text)


def _text_without_keys(unit: Unit) -> str:
    return " ".join(cell for _, cell in unit.cells) if unit.cells else unit.text


def _adds_terms(question: str, text: str) -> bool:
    asked = frozenset(split_terms(question))
    return any(term not in asked for term in split_terms(text) if is_content_term(term))
