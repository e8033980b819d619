"""Statements: which sentences of two documents contradict each other."""

from __future__ import annotations

import pytest

from pipeline.facts import Statement

QUESTION = "When does the castle gate close?"
EARLY, LATE = "The castle gate closes at 18:00.", "The castle gate closes at 20:00."


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
        ("It was built in 1850.", "It was built in 1851.", False),  # too few words to identify the subject
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
def test_contradicts(one: str, other: str, *, conflict: bool) -> None:
    said, against = Statement(1, 1, one), Statement(2, 2, other)
    assert said.contradicts(against, QUESTION) is conflict
    assert against.contradicts(said, QUESTION) is conflict


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
def test_contradicts__same_subject(
    one: tuple[str, tuple[str, ...]], other: tuple[str, tuple[str, ...]], *, conflict: bool
) -> None:
    said, against = Statement(1, 1, EARLY, None, *one), Statement(2, 2, LATE, None, *other)
    assert said.contradicts(against, QUESTION) is conflict
    assert against.contradicts(said, QUESTION) is conflict


@pytest.mark.parametrize(
    ("question", "conflict"),
    [
        ("How many people live in Glen Burnie?", False),
        ("How many people live in Salem?", False),
        ("How many people live in the county?", True),
        ("How many people live there?", True),
    ],
)
def test_contradicts__not_if_the_question_names_one_title(question: str, *, conflict: bool) -> None:
    one = Statement(
        1, 1, "The population was 500 at the 2010 census.", None, "Glen Burnie", (), "A town of the county."
    )
    other = Statement(2, 2, "The population was 700 at the 2010 census.", None, "Salem", (), "A village of the county.")
    assert one.contradicts(other, question) is conflict
    assert other.contradicts(one, question) is conflict
