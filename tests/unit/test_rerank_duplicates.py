"""Duplicates: what says the same again is folded, what may contradict is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.rerank import distinct, fold_duplicates
from pipeline.rerank.permutation import is_full_permutation
from pipeline.types import DUPLICATE
from tests.answer_fakes import ranked

GATE = (
    "The gate of the castle opens at nine in the morning and closes at 18:00 in the evening. Visitors leave their bags "
    "with the warden at the door, who gives them a numbered tag. Dogs are welcome in the yard but not in the halls."
)
CHINESE = (
    "城堡的大门早上九点开放，晚上六点关闭。参观者须将行李交给门口的管理员，并领取一个号码牌。"
    "院子里可以带狗，大厅里不可以。"
)


def folded(*texts: str) -> list[int | None]:
    """For each text the number of the one it repeats."""
    return [item.same_as for item in fold_duplicates(ranked(*texts))]


def test_fold__copies() -> None:
    assert folded(GATE, CHINESE, GATE, CHINESE, "Bread is sold here.", GATE) == [None, None, 1, 2, None, 1]


@pytest.mark.parametrize(
    ("text", "near"),
    [
        (GATE, GATE.upper()),
        (GATE, GATE.replace(". ", ".\n\n")),
        (GATE, GATE.replace("18:00", "6 pm")),
        (GATE, GATE.replace("welcome", "very welcome")),
        (CHINESE, CHINESE.replace("，", ",").replace("六点", "6点")),
        (CHINESE, CHINESE.replace("参观者", "游客")),
        ("Yes.", "Yes!"),
    ],
)
def test_fold__near_duplicates(text: str, near: str) -> None:
    assert folded(text, near) == [None, 1]


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
        (GATE, GATE[: len(GATE) // 2]),
        ("Yes.", "No."),
        ("", "…a"),
    ],
)
def test_fold__different_ones_stay(text: str, other: str) -> None:
    assert folded(text, other) == [None, None]


def test_fold__leaves_order_ranks_scores_and_other_flags() -> None:
    given = [replace(item, flags=("unscored",)) for item in ranked(GATE, GATE, CHINESE)]
    result = fold_duplicates(given)
    assert is_full_permutation(result, [item.candidate for item in given])
    assert [(item.rank, item.score) for item in result] == [(item.rank, item.score) for item in given]
    assert [item.flags for item in result] == [("unscored",), ("unscored", DUPLICATE), ("unscored",)]


def test_distinct__the_next_different_one_moves_up() -> None:
    result = fold_duplicates(ranked(GATE, GATE, CHINESE, GATE, "Bread is sold here."))
    assert [item.rank for item in distinct(result, 2)] == [1, 3]
    assert [item.rank for item in distinct(result, 9)] == [1, 3, 5]
