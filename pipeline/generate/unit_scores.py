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


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the score of a unit consists of besides its similarity to the question."""

    placed: PlacedUnit
    own: float
    """Weighted share of the question's terms in the unit."""
    answered: float
    """The same for the question that the unit answers, less what makes it an unlikely answer."""
    adds_fact: bool
    is_repetition: bool
    key: float
    """Weighted match of the key of a "key: value" line."""


class UnitScorer:
    """Scores the units of the passages of one question. Their terms and facts are extracted once."""

    def __init__(self, question: str, units: Sequence[PlacedUnit]) -> None:
        """Read the units, in the order of passages and places."""
        asked = _Question(question, units)
        self._readings = [asked.read(placed) for placed in units]

    def likely_texts(self, limit: int) -> list[str]:
        """Return at most `limit` texts whose similarity to the question decides, by the scores without similarity.

        The text of a unit comes with the question that it answers.
        """
        scores = self.score({})
        best = sorted(range(len(scores)), key=lambda place: -scores[place])
        texts: dict[str, None] = {}
        for place in best:
            unit = self._readings[place].placed.unit
            needed = (unit.text, unit.context) if unit.is_answer else (unit.text,)
            if len(texts.keys() | needed) > limit:
                break
            texts |= dict.fromkeys(needed)
        return list(texts)

    def score(self, similarity: Mapping[str, float]) -> list[float]:
        """Return the score of each unit; only scores of the same question are comparable.

        Args:
            similarity: Similarity of the question to each text; the lowest one is used for texts without one.
        """
        lowest = min(similarity.values(), default=0.0)
        scores: list[float] = []
        inherited = 0.0
        for reading in self._readings:
            placed, unit = reading.placed, reading.placed.unit
            relevance = similarity.get(unit.text, lowest) + reading.own
            if unit.is_answer:
                relevance = max(relevance, similarity.get(unit.context, lowest) + reading.answered)
            elif placed.place:
                relevance += inherited * (PRONOUN_FACTOR if _PRONOUN.match(unit.text) else 1.0)
            score = relevance + RANK_WEIGHT / (placed.passage + 1) + reading.key
            inherited = PREVIOUS_WEIGHT * relevance
            if reading.adds_fact:
                score += FACT_WEIGHT
            elif reading.is_repetition:
                score -= REPETITION_WEIGHT
                inherited = REPEATED_WEIGHT * relevance
            scores.append(score)
        return scores


class _Question:
    """A question with the weights of its terms among the units."""

    def __init__(self, text: str, units: Sequence[PlacedUnit]) -> None:
        self.text = text
        self.terms = content_terms(text) | single_characters(text)
        self.expected = expected_fact(text)
        self._stated = {p.unit.text: frozenset(split_terms(drop_link_targets(p.unit.text))) for p in units}
        frequency = Counter(term for stated in self._stated.values() for term in stated & self.terms)
        # Inverse document frequency: a term of every unit does not help to choose one.
        self._weights = {t: log(1 + (len(self._stated) + 1) / (frequency[t] + 0.5)) for t in self.terms}
        self._total = sum(self._weights.values()) or 1.0

    def read(self, placed: PlacedUnit) -> _Reading:
        """Read a unit."""
        unit, stated = placed.unit, self._stated[placed.unit.text]
        context = frozenset(split_terms(f"{unit.context}\n{placed.above}"))
        answered = 0.0
        if unit.is_answer:
            known = stated.union(split_terms(unit.context))
            answered = TERM_WEIGHT * self._share(known, context) - DISTANCE_WEIGHT * unit.distance
            answered -= OTHER_QUESTION_WEIGHT * self._asks_another(unit)
        return _Reading(
            placed,
            own=TERM_WEIGHT * self._share(stated, context),
            answered=answered,
            adds_fact=adds_fact(self.expected, self.text, f"{unit.heading}\n{unit.text}"),
            is_repetition=self._is_repeated_by(stated),
            key=PAIR_WEIGHT * _answers_key(self.terms, unit.cells[0]) if len(unit.cells) == 1 else 0.0,
        )

    def _asks_another(self, unit: Unit) -> bool:
        """Return True if the context of a unit asks for another kind of fact, or for none that the unit contains."""
        kind = expected_fact(unit.context)
        return kind != self.expected != "" and (kind != "" or not adds_fact(self.expected, self.text, unit.text))

    def _is_repeated_by(self, stated: frozenset[str]) -> bool:
        """Return True if the terms of a unit contain those of a question for a fact that any sentence shows."""
        return self.expected in VISIBLE_FACTS and self._share(stated, frozenset()) >= REPETITION_SHARE

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
