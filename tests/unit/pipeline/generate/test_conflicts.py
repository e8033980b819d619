"""Conflicts: sources that say different things are shown as such, in extracted and in written answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.generate import generate_answer
from pipeline.generate.conflicts import Statement, disagree, distinct_groups, say_conflicts
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
    return generate_answer(question, passages, chat, max_tokens=100, timeout_s=5.0, context=context)


def test_extractive__shows_both_and_says_so() -> None:
    given = answer(QUESTION, None)
    assert given.text == f"{EARLY} [1] {LATE} [2]\n\nThe sources disagree: [1] and [2]."
    assert given.conflicts == ((1, 2),)
    assert [(c.n, c.quote) for c in given.citations] == [(1, EARLY), (2, LATE)]


def test_extractive__a_version_is_shown_once() -> None:
    passages = ranked(EARLY, "The castle gate closes at 6 pm.", LATE, LATE, "The castle gate closes at 22:00.")
    given = answer(QUESTION, None, passages)
    assert given.conflicts == ((1, 3, 5),)
    assert given.text.endswith("The sources disagree: [1], [3] and [5].")


def test_extractive__chinese() -> None:
    passages = ranked("城堡大门晚上六点关闭。", "城堡大门晚上八点关闭。")
    given = answer("城堡大门几点关闭？", None, passages)
    assert given.text == "城堡大门晚上六点关闭。 [1]城堡大门晚上八点关闭。 [2]\n\n资料说法不一：[1]与[2]。"
    assert given.conflicts == ((1, 2),)


def test_extractive__says_so_in_the_language_asked_for() -> None:
    assert answer(QUESTION, None, language="zh").text.endswith("资料说法不一：[1]与[2]。")


def test_extractive__one_document_does_not_contradict_itself() -> None:
    same = [replace(item, candidate=replace(item.candidate, document_id=7)) for item in GATES]
    given = answer(QUESTION, None, same)
    assert given.conflicts == ()
    assert "disagree" not in given.text


@pytest.mark.parametrize(
    ("one", "other", "conflict"),
    [
        (EARLY, LATE, True),
        (EARLY, "The castle gate closes at 6 pm.", False),
        (EARLY, "The castle gate closes at eight.", True),
        (EARLY, "The castle gate closes at 18:00 on 5 May.", False),
        ("In summer the castle gate closes at 18:00.", "In winter the castle gate closes at 20:00.", False),
        ("The castle opens at 9 and closes at 18.", "The castle opens at 9 and closes at 20.", True),
        ("Entry costs 1,200 yen.", "Entry costs 1200 yen.", False),
        ("Entry costs 1,200 yen.", "Entry costs 1,300 yen.", True),
        ("It was built in 1850.", "It was built in 1851.", False),  # too few words to know what "it" is
        ("The castle was built in 1850.", "The castle was built in 1851.", True),
        ("The castle was built on 5 March 1850.", "The castle was built on 5 April 1850.", True),
        ("In 2023 a castle ticket cost 5 euros.", "In 2024 a castle ticket cost 6 euros.", False),
        ("Form 12 costs 5 euros.", "Form 13 costs 6 euros.", False),
        ("Form 12 costs 5 euros.", "Form 12 costs 6 euros.", True),
        ("Room 12 has a large window.", "Room 14 has a large window.", False),
        ("Room 12 holds 30 guests.", "Room 14 holds 40 guests.", False),
        ("The castle app needs Python 3.9.", "The castle app needs Python 3.10.", False),
        ("Version 2.1 of the app is free.", "Version 2.2 of the app is free.", False),
        ("Entry 5 euros for castle guests.", "Entry 6 euros for castle guests.", True),
        ("On Monday the castle opens at 9:00.", "On Monday the castle opens at 10:00.", True),
        ("The castle gate opens Monday 9:00.", "The castle gate opens Monday 10:00.", True),
        ("The castle gate closes at 18:00.", "The castle gate closes at 20:00 on Sundays.", False),
        ("Castle guests pay 5 euros.", "Undergraduate castle guests pay 6 euros.", False),
        ("The door of building A opens at 9:00.", "The door of building B opens at 10:00.", False),
        ("The castle gate closes before 18:00.", "The castle gate closes after 20:00.", False),
        ("The castle gate does close at 18:00.", "The castle gate doesn't close at 20:00.", False),
        ("The castle gate must close at 18:00.", "The castle gate may close at 20:00.", False),
        ("In May 2023 the castle had 500 guests.", "In May 2024 the castle had 700 guests.", False),
        ("In May 2023 the castle had 500 guests.", "In May 2024 the castle had 500 guests.", False),
        ("On 5 March 2023 the castle fee was 5.", "On 6 March 2024 the castle fee was 6.", False),
        ("The castle fee is about 10 euros.", "The castle fee is 9.90 euros.", False),
        ("The castle fee is about 10 euros.", "The castle fee is 20 euros.", True),
        ("城堡3号会议室很大。", "城堡5号会议室很大。", False),
        ("城堡软件2.1版免费。", "城堡软件2.2版免费。", False),
        ("城堡东门18点关闭。", "城堡西门20点关闭。", False),
        ("门票大约30元，儿童免费。", "门票29元，儿童免费。", False),
        ("The castle opens from 9 to 17.", "The castle opens from 10 to 18.", True),
        ("1 The castle gate is closed.", "3 The castle gate is closed.", False),
        ("3 castle gates are closed.", "4 castle gates are closed.", True),
        ("The castle has towers.", "The castle has 3 towers.", False),
        ("门票30元，儿童免费。", "门票50元，儿童免费。", True),
    ],
)  # fmt: skip
def test_disagree(one: str, other: str, *, conflict: bool) -> None:
    said, against = Statement(1, 1, one), Statement(2, 2, other)
    assert disagree(QUESTION, said, against) is conflict
    assert disagree(QUESTION, against, said) is conflict


@pytest.mark.parametrize(
    ("one", "other", "conflict"),
    [
        (("Castle guide", ()), ("Opening hours", ()), True),
        (("Handbook 2023", ()), ("Handbook 2024", ()), True),
        (("Handbook", ()), ("Handbook copy", ()), True),
        (("North castle", ()), ("South castle", ()), False),
        (("北馆指南", ()), ("南馆指南", ()), False),
        (("Guide", ("Hours",)), ("Handbook", ("HOURS",)), True),
        (("Guide", ("Hours",)), ("Handbook", ()), True),
        (("Guide", ("Weekdays",)), ("Handbook", ("Weekends",)), False),
        (("Guide", ("Printer A",)), ("Handbook", ("Printer B",)), False),
    ],
)
def test_disagree__about_one_subject(
    one: tuple[str, tuple[str, ...]], other: tuple[str, tuple[str, ...]], *, conflict: bool
) -> None:
    said, against = Statement(1, 1, EARLY, None, *one), Statement(2, 2, LATE, None, *other)
    assert disagree(QUESTION, said, against) is conflict
    assert disagree(QUESTION, against, said) is conflict


@pytest.mark.parametrize(
    ("question", "conflict"),
    [
        ("How many people live in Glen Burnie?", False),
        ("How many people live in Salem?", False),
        ("How many people live in the county?", True),
        ("How many people live there?", True),
    ],
)
def test_disagree__not_about_what_only_one_is_about(question: str, *, conflict: bool) -> None:
    one = Statement(
        1, 1, "The population was 500 at the 2010 census.", None, "Glen Burnie", (), "A town of the county."
    )
    other = Statement(2, 2, "The population was 700 at the 2010 census.", None, "Salem", (), "A village of the county.")
    assert disagree(question, one, other) is conflict
    assert disagree(question, other, one) is conflict


def test_extractive__a_number_of_the_question_hides_no_version() -> None:
    passages = ranked("The castle entry costs 20 dollars.", "The castle entry costs 25 dollars.")
    assert answer("Does the castle entry cost 20 dollars?", None, passages).conflicts == ((1, 2),)


def test_written__what_the_model_left_out_is_added() -> None:
    given = answer(QUESTION, "The castle gate closes at 18:00 [1].")
    assert given.text == f"The castle gate closes at 18:00 [1].\n\n{LATE} [2]\n\nThe sources disagree: [1] and [2]."
    assert given.conflicts == ((1, 2),)
    assert [(c.n, c.quote) for c in given.citations] == [(1, EARLY), (2, LATE)]


def test_written__what_the_model_shows_is_not_added_again() -> None:
    said = "The castle gate closes at 6 pm [1] or at 8 pm [2]."
    given = answer(QUESTION, said)
    assert given.text == f"{said}\n\nThe sources disagree: [1] and [2]."
    assert given.conflicts == ((1, 2),)


def test_written__what_the_model_says_itself_is_not_said_again() -> None:
    said = "The sources disagree: the castle gate closes at 18:00 [1] or at 20:00 [2]."
    given = answer(QUESTION, f"{said}\nCONFLICT: [1] [2]")
    assert (given.text, given.conflicts) == (said, ((1, 2),))


def test_written__a_contradiction_in_other_words_that_the_model_names() -> None:
    passages = ranked("Dogs are welcome in the castle yard.", "No animals may enter the castle yard.")
    said = "Dogs are welcome in the castle yard [1]. Another source says that no animals may enter [2]."
    given = answer("May dogs enter?", f"{said}\n**CONFLICT: [1], [2]**", passages)
    assert (given.text, given.conflicts) == (said, ((1, 2),))


@pytest.mark.parametrize(
    "line", [" CONFLICT: [1] [2]", "\nConflict: [1], [2].", "\n**冲突：**[1]、[2]", "\nCONFLICTS: [1][2]"]
)
def test_written__the_line_that_names_conflicts_in_other_forms(line: str) -> None:
    said = "The castle gate closes at 18:00 [1] or at 20:00 [2]. The sources disagree."
    given = answer(QUESTION, said + line)
    assert (given.text, given.conflicts) == (said, ((1, 2),))


def test_written__a_sentence_about_conflicts_stays() -> None:
    said = (
        "CONFLICT OF INTEREST rules close the castle gate at 18:00 [1].\nConflict: the gate closes in the evening [1]."
    )
    assert answer(QUESTION, said, ranked(EARLY)).text == said


@pytest.mark.parametrize(
    "line", ["CONFLICT: [1] [9]", "CONFLICT: [1]", "CONFLICT", "CONFLICT: [1] [3]", "> CONFLICT [0]"]
)
def test_written__a_conflict_of_what_is_not_cited_is_not_believed(line: str) -> None:
    given = answer(QUESTION, f"The castle gate closes in the evening [1].\n{line}")
    assert (given.text, given.conflicts) == ("The castle gate closes in the evening [1].", ())


def test_written__a_conflict_within_one_document_is_not_believed() -> None:
    same = [replace(item, candidate=replace(item.candidate, document_id=7)) for item in GATES]
    said = "The castle gate closes at 18:00 [1] or at 20:00 [2]."
    given = answer(QUESTION, f"{said}\nCONFLICT: [1] [2]", same)
    assert (given.text, given.conflicts) == (said, ())


def test_written__what_the_answer_does_not_speak_of_is_left_alone() -> None:
    said = "The castle was built by a duke [3]."
    given = answer("Who built the castle?", said)
    assert (given.text, given.conflicts) == (said, ())


def test_written__the_line_that_names_conflicts_is_not_streamed() -> None:
    shown: list[str] = []
    chat = FakeChat("The castle gate closes at 18:00 [1] or 20:00 [2].\nCONFLICT: [1] [2]\n")
    generate_answer(QUESTION, GATES, chat, max_tokens=9, timeout_s=1, on_text=shown.append)
    assert shown[-1] == "The castle gate closes at 18:00 [1] or 20:00 [2]."
    assert not any("CONFLICT" in text for text in shown)


@pytest.mark.parametrize(("question", "word"), [(QUESTION, "contradict"), ("大门几点关闭？", "互相矛盾")])
def test_written__the_model_is_asked_for_every_version(question: str, word: str) -> None:
    chat = FakeChat("NO_ANSWER")
    generate_answer(question, GATES, chat, max_tokens=9, timeout_s=1)
    asked = chat.asked[0][0].content
    assert word in asked
    assert "CONFLICT: [1] [3]" in asked


def test_distinct_groups() -> None:
    assert distinct_groups([(2, 1), (1, 2), (1,), (3, 2, 1), (4, 5), ()]) == ((1, 2, 3), (4, 5))


def test_say_conflicts__nothing_for_none() -> None:
    assert say_conflicts(QUESTION, (), "") == ""
    assert say_conflicts(QUESTION, ((1, 2), (3, 4)), "") == (
        "The sources disagree: [1] and [2]. The sources disagree: [3] and [4]."
    )
