"""Near-duplicates are flagged, passages that may contradict each other are not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.rerank import flag_duplicates, top_distinct
from pipeline.rerank.results import is_full_permutation
from pipeline.types import DUPLICATE, Candidate, RankedCandidate
from tests.answer_fakes import candidate, ranked

GATE = (
    "The gate of the castle opens at nine in the morning and closes at 18:00 in the evening. Visitors leave their bags "
    "with the warden at the door, who gives them a numbered tag. Dogs are welcome in the yard but not in the halls."
)
CHINESE = (
    "城堡的大门早上九点开放，晚上六点关闭。参观者须将行李交给门口的管理员，并领取一个号码牌。"
    "院子里可以带狗，大厅里不可以。"
)


QUESTION = "When does it open?"
RESET = "Press the key for ten seconds until the light goes out, then press it again."


def find_originals(*texts: str) -> list[int | None]:
    """Return for each text the number of the one it repeats."""
    return [item.same_as for item in flag_duplicates(QUESTION, ranked(*texts))]


def find_originals_for(question: str, *candidates: Candidate) -> list[int | None]:
    """Return for each candidate the number of the one it repeats, for a question."""
    given = [RankedCandidate(candidate, n, 1.0 / n) for n, candidate in enumerate(candidates, 1)]
    return [item.same_as for item in flag_duplicates(question, given)]


def test_flag__copies() -> None:
    assert find_originals(GATE, CHINESE, GATE, CHINESE, "Bread is sold here.", GATE) == [None, None, 1, 2, None, 1]


@pytest.mark.parametrize(
    ("text", "near"),
    [
        (GATE, GATE.upper()),
        (GATE, GATE.replace(". ", ".\n\n")),
        (GATE, GATE.replace("18:00", "6 pm")),
        (GATE, GATE.replace("welcome", "very welcome")),
        (CHINESE, CHINESE.replace("，", ",").replace("六点", "6点")),
        (CHINESE, CHINESE.replace("院子里可以", "院子里也可以")),
        (f"{GATE} Cats do not care.", GATE),
        (f"{CHINESE}猫不在乎。", CHINESE),
        (f"{GATE} You can't smoke.", f"{GATE} You cannot smoke."),
        (f"{GATE} It doesn’t matter.", f"{GATE} It does not matter."),
        (f"{GATE} Stay for 3-5 days.", f"{GATE} Stay for 3–5 days."),
        ("Yes.", "Yes!"),
        ("Close door", "Please close the door."),
        (
            "Ask clerk at desk, then sign form at counter.",
            "Ask the clerk at the desk, then sign the form at the counter.",
        ),
        ("关门。开灯。上楼。", "请关门。请开灯。请上楼。"),
    ],
)
def test_flag__near_duplicates(text: str, near: str) -> None:
    assert find_originals(text, near) == [None, 1]


@pytest.mark.parametrize(
    ("text", "other"),
    [
        (GATE, GATE.replace("18:00", "20:00")),
        (GATE, GATE.replace("nine", "ten")),
        (GATE, GATE.replace("are welcome", "are not welcome")),
        (f"{GATE} Closed on Monday.", f"{GATE} Closed on Tuesday."),
        (CHINESE, CHINESE.replace("六点", "八点")),
        (CHINESE, CHINESE.replace("院子里可以", "院子里不可以")),
        (f"{CHINESE}周日关闭。", f"{CHINESE}周一关闭。"),
        (GATE, f"{GATE} Cats do not care."),
        (GATE, GATE.replace("at the door", "at the north door")),
        (GATE.replace("at the door", "at the south door"), GATE.replace("at the door", "at the north door")),
        (GATE, GATE.replace("Visitors leave", "Visitors may leave")),
        (GATE.replace("leave their", "must leave their"), GATE.replace("leave their", "may leave their")),
        (GATE, GATE.replace("opens at nine in the", "opens after nine in the")),
        (GATE.replace("are welcome", "are always welcome"), GATE.replace("are welcome", "are hardly welcome")),
        (f"{GATE} You can smoke.", f"{GATE} You can't smoke."),
        (f"{GATE} It costs $5.", f"{GATE} It costs €5."),
        (f"{GATE} It is 5 degrees.", f"{GATE} It is -5 degrees."),
        (f"{GATE} We teach C.", f"{GATE} We teach C++."),
        (GATE, GATE.replace("nine", "18:00").replace("18:00 in the evening", "nine in the evening")),
        (CHINESE, CHINESE.replace("参观者", "游客")),
        (f"{CHINESE}东区关闭。", f"{CHINESE}西区关闭。"),
        (CHINESE.replace("行李交", "行李之前交"), CHINESE.replace("行李交", "行李之后交")),
        (CHINESE.replace("可以带狗", "允许带狗"), CHINESE.replace("可以带狗", "拒绝带狗")),
        (CHINESE.replace("可以带狗", "允许带狗"), CHINESE.replace("可以带狗", "别带狗")),
        (GATE, GATE[: len(GATE) // 2]),
        ("Yes.", "No."),
        ("", "…a"),
    ],
)
def test_flag__different_passages(text: str, other: str) -> None:
    assert find_originals(text, other) == [None, None]


def test_flag__not_with_other_headings() -> None:
    one, other = candidate(1, RESET, headings=("Printer A",)), candidate(2, RESET, headings=("Printer B",))
    assert find_originals_for("How do I reset it?", one, other) == [None, None]
    assert find_originals_for("How do I reset it?", one, replace(other, headings=("PRINTER A.",))) == [None, 1]
    assert find_originals_for("How do I reset it?", one, replace(other, headings=())) == [None, 1]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("How is the lamp reset?", [None, 1]),
        ("How is the south lamp reset?", [None, None]),
        ("How is the north lamp reset?", [None, 1]),
    ],
)
def test_flag__not_if_the_question_names_the_title(question: str, expected: list[int | None]) -> None:
    one, other = candidate(1, RESET, title="North lamp"), candidate(2, RESET, title="South lamp")
    assert find_originals_for(question, one, other) == expected


def test_flag__keeps_order_ranks_scores_and_other_flags() -> None:
    given = [replace(item, flags=("unscored",)) for item in ranked(GATE, GATE, CHINESE)]
    result = flag_duplicates(QUESTION, given)
    assert is_full_permutation(result, [item.candidate for item in given])
    assert [(item.rank, item.score) for item in result] == [(item.rank, item.score) for item in given]
    assert [item.flags for item in result] == [("unscored",), ("unscored", DUPLICATE), ("unscored",)]


def test_flag__only_repetitions_of_the_passages_that_are_read() -> None:
    result = flag_duplicates(QUESTION, ranked(GATE, CHINESE, "Bread is sold here.", GATE, "Bread is sold here."), 2)
    assert [item.same_as for item in result] == [None, None, None, 1, None]


def test_top_distinct__skips_duplicates() -> None:
    result = flag_duplicates(QUESTION, ranked(GATE, GATE, CHINESE, GATE, "Bread is sold here."))
    assert [item.rank for item in top_distinct(result, 2)] == [1, 3]
    assert [item.rank for item in top_distinct(result, 9)] == [1, 3, 5]
