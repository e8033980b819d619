"""Which units are compared with the question, and the scores of the others."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.generate.extractive import MAX_COMPARED, extract_answer
from pipeline.generate.unit_scores import PlacedUnit, UnitScorer
from pipeline.text.units import read_units
from tests.answer_fakes import ranked

QUESTION = "When does the ferry leave?"


def place(text: str) -> list[PlacedUnit]:
    return [PlacedUnit(unit, 0, number, "") for number, unit in enumerate(read_units(text))]


def test_likely_texts__are_those_with_the_terms_of_the_question() -> None:
    units = place("The harbour is old. The ferry leaves at 9:15. Nobody lives there now. Fish is sold in summer.")
    scorer = UnitScorer(QUESTION, units)
    assert scorer.likely_texts(1) == ["The ferry leaves at 9:15."]
    assert len(scorer.likely_texts(10)) == 4


def test_likely_texts__an_answer_comes_with_its_question() -> None:
    units = place("Q: When does the ferry leave?\nA: At 9:15.")
    answer = next(placed.unit for placed in units if placed.unit.is_answer)
    assert {answer.text, answer.context} <= set(UnitScorer(QUESTION, units).likely_texts(2))
    assert len(UnitScorer(QUESTION, units).likely_texts(1)) <= 1


def test_score__a_text_without_similarity_has_the_lowest_one() -> None:
    units = place("The harbour is old. The ferry leaves at 9:15. Nobody lives there now.")
    texts = [placed.unit.text for placed in units]
    compared = {texts[0]: 0.2, texts[1]: 0.7}
    assert UnitScorer(QUESTION, units).score(compared) == UnitScorer(QUESTION, units).score({**compared, texts[2]: 0.2})


def test_extract_answer__compares_a_limited_number_of_texts_in_one_call() -> None:
    calls: list[Sequence[str]] = []

    def score(_question: str, sentences: Sequence[str]) -> list[float]:
        calls.append(sentences)
        return [0.5] * len(sentences)

    days = [" ".join(f"On day {n} of week {week} the miller ground rye." for n in range(30)) for week in range(3)]
    extract_answer("When did the miller grind rye?", ranked(*days), score)
    assert [len(sentences) for sentences in calls] == [MAX_COMPARED]
