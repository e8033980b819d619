"""Which units of the passages an extractive answer quotes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.generate.expected_answers import adds_fact, expected_fact, is_yes_no_question
from pipeline.generate.extractive import extract_answer
from tests.answer_fakes import ranked


def answer(question: str, *passages: str) -> str:
    return extract_answer(question, ranked(*passages)).text


PARTS = "| Part | Price |\n| --- | --- |\n" + "\n".join(f"| GX-{n:04} | {n}.10 EUR |" for n in range(400, 430))
DAYS = " ".join(f"On day {n} the miller ground {n * 3} sacks of rye." for n in range(2700, 2730))


def test_extractive__only_the_row_with_the_identifier() -> None:
    assert answer("What does part GX-0412 cost?", PARTS) == (
        "| Part | Price |\n| --- | --- |\n| GX-0412 | 412.10 EUR |\n[1]"
    )


def test_extractive__only_the_sentence_with_the_identifier() -> None:
    given = answer("How many sacks of rye did the miller grind on day 2718?", DAYS)
    assert given == "On day 2718 the miller ground 8154 sacks of rye. [1]"


@pytest.mark.parametrize(
    ("question", "passage"),
    [
        ("What does part GX-0999 cost?", PARTS),
        ("How many sacks of rye did the miller grind on day 9?", DAYS),
        ("Who works on ticket 99?", "| Ticket | Who |\n| --- | --- |\n| 37 | Ito |\n| 38 | Lind |"),
    ],
)
def test_extractive__abstains_if_only_other_identifiers_are_known(question: str, passage: str) -> None:
    given = extract_answer(question, ranked(passage))
    assert given.abstained
    assert not given.citations


def test_extractive__an_amount_is_no_identifier() -> None:
    assert answer("Does entry cost 20 dollars?", "Entry costs 25 dollars.") == "Entry costs 25 dollars. [1]"


def test_extractive__answers_with_the_answer_and_not_with_the_question() -> None:
    faq = "Q: Can I bring my dog?\nA: Yes, for 3 euros a night.\n\nQ: Is there a shop?\nA: Next to the gate."
    assert answer("Can I bring my dog?", faq) == "Yes, for 3 euros a night. [1]"


def test_extractive__a_title_that_repeats_the_question_is_no_answer() -> None:
    rows = "Stop     Sat     Sun\n-------------------\nSchool   08:52   --\nPier     09:05   11:20"
    text = f"TIMETABLE OF THE ISLAND BUS\n\n{rows}"
    given = answer("When does the island bus leave the school on Saturday?", text)
    assert given == "Stop     Sat     Sun\nSchool   08:52   --\n[1]"


def test_extractive__prefers_what_adds_to_the_question() -> None:
    text = "Many people ask when the old mill was built. Its oldest beam is from 1687."
    assert answer("When was the old mill built?", text) == "Its oldest beam is from 1687. [1]"


CHANGES = {
    "2.4.0 - 2026-02-18": "- Added: dark theme\n- Fixed: crash with an empty clipboard (#418)",
    "2.3.1 - 2026-01-09": "- Fixed: wrong time zone in exports (#402)",
    "2.3.0 - 2025-12-01": "- Added: export to CSV",
}


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("In which version was the dark theme added?", "2.4.0 - 2026-02-18: Added: dark theme [1]"),
        ("When was tern 2.3.1 released?", "2.3.1 - 2026-01-09: Fixed: wrong time zone in exports (#402) [2]"),
        ("What did issue #418 fix?", "Fixed: crash with an empty clipboard (#418) [1]"),
    ],
)
def test_extractive__a_heading_that_states_the_fact_is_quoted(question: str, wanted: str) -> None:
    passages = [
        replace(passage, candidate=replace(passage.candidate, headings=("Changelog of tern", heading)))
        for passage, heading in zip(ranked(*CHANGES.values()), CHANGES, strict=True)
    ]
    assert extract_answer(question, passages).text == wanted


def test_extractive__an_answer_to_a_question_without_a_kind() -> None:
    faq = "Q: Are lifts open at night?\nA: On Wednesdays until 21:30.\n\nQ: Is there insurance?\nA: Ask at the till."
    assert answer("On which day can I use lifts at night?", faq) == "On Wednesdays until 21:30. [1]"


def test_extractive__struck_text_is_not_quoted() -> None:
    text = "An evening costs ~~18 euros~~ 24 euros. ~~Children under ten come free.~~ Glaze is included."
    assert answer("How much does an evening cost?", text) == "An evening costs 24 euros. [1]"
    assert "free" not in answer("Do children under ten pay?", text)


@pytest.mark.parametrize(
    ("question", "fact"),
    [
        ("When does it open?", "time"),
        ("What does a ticket cost?", "money"),
        ("How many seats are there?", "number"),
        ("Who leads the choir?", "name"),
        ("Wo beginnt der Weg?", "place"),
        ("几点锁门？", "time"),
        ("票价是多少钱？", "money"),
        ("Which colour is it?", ""),
    ],
)
def test_expected_fact(question: str, fact: str) -> None:
    assert expected_fact(question) == fact


def test_adds_fact() -> None:
    assert adds_fact("time", "When did it open in 1990?", "It opened on 4 May 1990.")
    assert not adds_fact("time", "When did it open in 1990?", "It opened in 1990.")
    assert adds_fact("name", "Who leads the choir?", "The choir is led by Ruiz.")
    assert not adds_fact("number", "How many seats?", "There are seats.")


def test_is_yes_no_question() -> None:
    assert is_yes_no_question("Does it cost 5 euros?")
    assert is_yes_no_question("可以带狗吗？")
    assert not is_yes_no_question("Who is it?")
