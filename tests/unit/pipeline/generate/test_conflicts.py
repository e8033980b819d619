"""Conflicts between sources are shown in extracted and written answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.generate import AnswerLimits, generate_answer
from pipeline.generate.conflicts import distinct_groups, format_conflicts
from pipeline.types import AnswerLanguage, GenerationResult, QuestionContext, RankedCandidate
from tests.answer_fakes import FakeChat, ranked

QUESTION = "When does the castle gate close?"
EARLY, LATE = "The castle gate closes at 18:00.", "The castle gate closes at 20:00."
GATES = ranked(EARLY, f"Bread is sold in the yard. {LATE}", "The castle was built by a duke.")


def answer(
    question: str, said: str | None, passages: list[RankedCandidate] = GATES, language: AnswerLanguage = ""
) -> GenerationResult:
    chat = None if said is None else FakeChat(said)
    context = QuestionContext(language=language)
    return generate_answer(question, passages, chat, limits=AnswerLimits(100, 5.0), context=context)


def test_extractive__shows_both_versions_with_a_note() -> None:
    given = answer(QUESTION, None)
    assert given.text == f"{EARLY} [1] {LATE} [2]\n\nThe sources disagree: [1] and [2]."
    assert given.conflicts == ((1, 2),)
    assert [(c.n, c.quote) for c in given.citations] == [(1, EARLY), (2, LATE)]


def test_extractive__shows_each_version_once() -> None:
    passages = ranked(EARLY, "The castle gate closes at 6 pm.", LATE, LATE, "The castle gate closes at 22:00.")
    given = answer(QUESTION, None, passages)
    assert given.conflicts == ((1, 3, 5),)
    assert given.text.endswith("The sources disagree: [1], [3] and [5].")


def test_extractive__chinese() -> None:
    passages = ranked("城堡大门晚上六点关闭。", "城堡大门晚上八点关闭。")
    given = answer("城堡大门几点关闭？", None, passages)
    assert given.text == "城堡大门晚上六点关闭。 [1]城堡大门晚上八点关闭。 [2]\n\n资料说法不一：[1]与[2]。"
    assert given.conflicts == ((1, 2),)


def test_extractive__note_is_in_the_chosen_language() -> None:
    assert answer(QUESTION, None, language="zh").text.endswith("资料说法不一：[1]与[2]。")


def test_extractive__ignores_conflicts_within_one_document() -> None:
    same = [replace(item, candidate=replace(item.candidate, document_id=7)) for item in GATES]
    given = answer(QUESTION, None, same)
    assert given.conflicts == ()
    assert "disagree" not in given.text


def test_extractive__number_in_question_hides_no_version() -> None:
    passages = ranked("The castle entry costs 20 dollars.", "The castle entry costs 25 dollars.")
    assert answer("Does the castle entry cost 20 dollars?", None, passages).conflicts == ((1, 2),)


def test_written__adds_missing_versions() -> None:
    given = answer(QUESTION, "The castle gate closes at 18:00 [1].")
    assert given.text == f"The castle gate closes at 18:00 [1].\n\n{LATE} [2]\n\nThe sources disagree: [1] and [2]."
    assert given.conflicts == ((1, 2),)
    assert [(c.n, c.quote) for c in given.citations] == [(1, EARLY), (2, LATE)]


def test_written__adds_no_version_twice() -> None:
    said = "The castle gate closes at 6 pm [1] or at 8 pm [2]."
    given = answer(QUESTION, said)
    assert given.text == f"{said}\n\nThe sources disagree: [1] and [2]."
    assert given.conflicts == ((1, 2),)


def test_written__adds_no_note_if_the_model_named_the_conflict() -> None:
    said = "The sources disagree: the castle gate closes at 18:00 [1] or at 20:00 [2]."
    given = answer(QUESTION, f"{said}\nCONFLICT: [1] [2]")
    assert (given.text, given.conflicts) == (said, ((1, 2),))


def test_written__accepts_conflicts_in_other_words_from_the_model() -> None:
    passages = ranked("Dogs are welcome in the castle yard.", "No animals may enter the castle yard.")
    said = "Dogs are welcome in the castle yard [1]. Another source says that no animals may enter [2]."
    given = answer("May dogs enter?", f"{said}\n**CONFLICT: [1], [2]**", passages)
    assert (given.text, given.conflicts) == (said, ((1, 2),))


@pytest.mark.parametrize(
    "line", [" CONFLICT: [1] [2]", "\nConflict: [1], [2].", "\n**冲突：**[1]、[2]", "\nCONFLICTS: [1][2]"]
)
def test_written__reads_other_forms_of_the_conflict_line(line: str) -> None:
    said = "The castle gate closes at 18:00 [1] or at 20:00 [2]. The sources disagree."
    given = answer(QUESTION, said + line)
    assert (given.text, given.conflicts) == (said, ((1, 2),))


def test_written__keeps_sentences_about_conflicts() -> None:
    said = (
        "CONFLICT OF INTEREST rules close the castle gate at 18:00 [1].\nConflict: the gate closes in the evening [1]."
    )
    assert answer(QUESTION, said, ranked(EARLY)).text == said


@pytest.mark.parametrize(
    "line", ["CONFLICT: [1] [9]", "CONFLICT: [1]", "CONFLICT", "CONFLICT: [1] [3]", "> CONFLICT [0]"]
)
def test_written__ignores_conflicts_of_uncited_passages(line: str) -> None:
    given = answer(QUESTION, f"The castle gate closes in the evening [1].\n{line}")
    assert (given.text, given.conflicts) == ("The castle gate closes in the evening [1].", ())


def test_written__ignores_conflicts_within_one_document() -> None:
    same = [replace(item, candidate=replace(item.candidate, document_id=7)) for item in GATES]
    said = "The castle gate closes at 18:00 [1] or at 20:00 [2]."
    given = answer(QUESTION, f"{said}\nCONFLICT: [1] [2]", same)
    assert (given.text, given.conflicts) == (said, ())


def test_written__ignores_conflicts_outside_the_answer() -> None:
    said = "The castle was built by a duke [3]."
    given = answer("Who built the castle?", said)
    assert (given.text, given.conflicts) == (said, ())


def test_written__does_not_stream_the_conflict_line() -> None:
    shown: list[str] = []
    chat = FakeChat("The castle gate closes at 18:00 [1] or 20:00 [2].\nCONFLICT: [1] [2]\n")
    generate_answer(QUESTION, GATES, chat, limits=AnswerLimits(9, 1), on_text=shown.append)
    assert shown[-1] == "The castle gate closes at 18:00 [1] or 20:00 [2]."
    assert not any("CONFLICT" in text for text in shown)


@pytest.mark.parametrize(("question", "word"), [(QUESTION, "contradict"), ("大门几点关闭？", "互相矛盾")])
def test_written__prompt_asks_for_every_version(question: str, word: str) -> None:
    chat = FakeChat("NO_ANSWER")
    generate_answer(question, GATES, chat, limits=AnswerLimits(9, 1))
    asked = chat.requests[0][0].content
    assert word in asked
    assert "CONFLICT: [1] [3]" in asked


def test_distinct_groups() -> None:
    assert distinct_groups([(2, 1), (1, 2), (1,), (3, 2, 1), (4, 5), ()]) == ((1, 2, 3), (4, 5))


def test_format_conflicts() -> None:
    assert format_conflicts(QUESTION, (), "") == ""
    assert format_conflicts(QUESTION, ((1, 2), (3, 4)), "") == (
        "The sources disagree: [1] and [2]. The sources disagree: [3] and [4]."
    )
