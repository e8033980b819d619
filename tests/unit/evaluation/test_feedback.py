"""Judgements from citations and votes."""

from __future__ import annotations

from db.feedback import AnsweredQuestion
from evaluation.datasets import Question
from evaluation.feedback import build_judgements


def test_build_judgements__grades():
    judged = build_judgements(
        [
            AnsweredQuestion(3, "Disliked, but one is liked elsewhere?", -1, (7, 8)),
            AnsweredQuestion(2, "Liked?", 2, (7,)),
            AnsweredQuestion(1, "Cited?", 0, (5, 6)),
        ]
    )
    assert judged.questions == (Question("1", "Cited?"), Question("2", "Liked?"))
    assert judged.qrels == {"1": {"5": 1, "6": 1}, "2": {"7": 2}}
    assert (judged.without, judged.voted) == (1, 1)


def test_build_judgements__merges_equal_questions_and_sums_votes():
    judged = build_judgements(
        [
            AnsweredQuestion(9, "what IS  it", -1, (1, 2)),
            AnsweredQuestion(4, "What is it?", 2, (2, 3)),
            AnsweredQuestion(3, "what is it", 0, ()),
        ]
    )
    assert judged.questions == (Question("3", "what is it"),)
    assert judged.qrels == {"3": {"1": 0, "2": 2, "3": 2}}


def test_build_judgements__merges_equal_chinese_questions():
    judged = build_judgements(
        [AnsweredQuestion(2, "大门何时打开？", 0, (1,)), AnsweredQuestion(1, "大门何时打开", 0, (2,))]
    )
    assert judged.qrels == {"1": {"1": 1, "2": 1}}


def test_build_judgements__without_citations():
    assert build_judgements([AnsweredQuestion(1, "?", 5, ())]).questions == ()
    assert build_judgements([]).questions == ()
