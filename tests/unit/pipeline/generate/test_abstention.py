"""Whether the passages are relevant enough to answer from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.generate.abstention import should_abstain
from pipeline.types import RankedCandidate, RecallResult
from tests.answer_fakes import candidate, ranked

FAQ = "Frage: Wann schließt die Kita im Sommer?\nAntwort: Vom 4. bis zum 22. August bleibt die Kita geschlossen."
RULES = "§ 5 Austritt aus dem Ruderverein\nDer Austritt ist zum Jahresende möglich, mit einer Frist von drei Monaten."


@pytest.mark.parametrize(
    ("question", "passage", "abstains"),
    [
        ("In welchem Zeitraum hat die Kita Sommerferien?", FAQ, False),
        ("Welche Frist gilt für den Austritt aus dem Verein?", RULES, False),
        ("Wie weit ist der Mond von der Erde entfernt?", FAQ, True),
        ("Wer hat die Zauberflöte komponiert?", FAQ, True),
        ("Wann wurde die Berliner Mauer gebaut?", RULES, True),
    ],
)
def test_should_abstain__german_function_words_do_not_count(question: str, passage: str, *, abstains: bool) -> None:
    passages = ranked(passage)
    candidates = tuple(p.candidate for p in passages)
    recalled = RecallResult(candidates, 1, "exact")
    assert should_abstain(question, recalled, passages, baseline=0.0, abstain_below=0.33) == abstains


@pytest.mark.parametrize(
    ("similarity", "baseline", "passage", "abstains"),
    [
        (0.75, 0.05, "The workshop closes at noon.", False),  # similar, but in other words
        (0.75, 0.70, "The workshop closes at noon.", True),  # the same similarity means little with this model
        (0.95, 0.80, "The workshop closes at noon.", False),
        (0.05, 0.05, "The harbour office opens at eight.", False),  # all words, but not similar
        (0.80, 0.70, "港务局早上八点开门。", False),  # another script: only the similarity counts
        (0.72, 0.70, "面包店早上八点开门。", True),
        (0.05, 0.05, "The harbour master lives nearby.", True),
        (None, 0.05, "The harbour office opens at eight.", False),
    ],
)
def test_should_abstain__similarity_counts_from_the_baseline(
    similarity: float | None, baseline: float, passage: str, *, abstains: bool
) -> None:
    found = candidate(1, passage, dense_score=similarity)
    recalled = RecallResult((found,), 1, "exact")
    passages = [RankedCandidate(found, 1, 1.0)]
    question = "When does the harbour office open?"
    assert should_abstain(question, recalled, passages, baseline=baseline, abstain_below=0.33) == abstains


def test_should_abstain__another_script_that_the_model_does_not_read() -> None:
    found = candidate(1, "The harbour office opens at eight.", dense_score=0.9)
    recalled = RecallResult((found,), 1, "exact", dense_weight=0.2)
    passages = [RankedCandidate(found, 1, 1.0)]
    assert should_abstain("港务局几点开门？", recalled, passages, baseline=0.3, abstain_below=0.33)


def test_should_abstain__japanese_passage_is_in_the_script_of_a_japanese_question() -> None:
    found = candidate(1, "中央銀行総裁会見資料公開日程一覧表を参照", dense_score=0.45)
    recalled = RecallResult((found,), 1, "exact")
    passages = [RankedCandidate(found, 1, 1.0)]
    assert should_abstain("パンはどこで買えますか？", recalled, passages, baseline=0.1, abstain_below=0.33)


def test_should_abstain__unreadable_question_is_judged_by_its_words() -> None:
    found = candidate(1, "港务局早上八点开门。", dense_score=0.9)
    recalled = RecallResult((found,), 1, "exact", dense_weight=0.0)
    passages = [RankedCandidate(found, 1, 1.0)]
    for question, abstains in (("港务局几点开门？", False), ("月亮离地球多远？", True)):
        assert should_abstain(question, recalled, passages, baseline=0.0, abstain_below=0.33) == abstains


@pytest.mark.parametrize(
    ("question", "passage", "similarity"),
    [
        ("E-4711?", "Error E-4711: the drum is blocked.", None),
        ("4711?", "Error 4711: the drum is blocked.", None),  # digits have no script
        ("4711?", "Error 4711: the drum is blocked.", 0.2),
        ("iPhone 15 Pro Max 价格？", "iPhone 15 Pro Max 的价格是八千九百九十九元，今天购买还送保护壳。", None),
    ],
)
def test_should_abstain__names_and_numbers_count_in_every_script(
    question: str, passage: str, similarity: float | None
) -> None:
    found = candidate(1, passage, dense_score=similarity)
    recalled = RecallResult((found,), 1, "keyword" if similarity is None else "exact")
    passages = [RankedCandidate(found, 1, 1.0)]
    assert not should_abstain(question, recalled, passages, baseline=0.0, abstain_below=0.33)


@pytest.mark.parametrize(
    ("others", "reading_share", "abstains"),
    [
        ([0.70] * 9, 1.0, False),
        ([0.79] * 9, 1.0, True),  # the best of many unrelated passages
        ([0.79] * 3, 1.0, False),  # too few to compare with
        ([0.70] * 9, 0.3, True),  # the model does not read the passage
    ],
)
def test_should_abstain__passage_in_another_script_stands_out(
    others: list[float], reading_share: float, *, abstains: bool
) -> None:
    best = candidate(1, "港务局早上八点开门。", dense_score=0.8)
    candidates = (best, *(candidate(n, "面包店早上八点开门。", dense_score=s) for n, s in enumerate(others, 2)))
    recalled = RecallResult(candidates, len(candidates), "exact")
    question = "When does the harbour office open?"
    passages = [RankedCandidate(best, 1, 1.0)]
    assert (
        should_abstain(
            question, recalled, passages, baseline=0.7, abstain_below=0.33, reading_share=lambda _: reading_share
        )
        == abstains
    )


def test_should_abstain__passage_without_letters_is_in_no_script() -> None:
    found = replace(candidate(1, "[24][25][26]", dense_score=0.8), title="1-3")
    recalled = RecallResult((found,), 1, "exact")
    passages = [RankedCandidate(found, 1, 1.0)]
    assert should_abstain("港务局几点开门？", recalled, passages, baseline=0.7, abstain_below=0.33)
