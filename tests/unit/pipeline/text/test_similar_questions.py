"""Grouping of questions that ask the same thing."""

from __future__ import annotations

import numpy as np

from pipeline.text.similar_questions import QuestionVector, group_questions


def vector(*values: float, profile: int = 1, baseline: float = 0.0) -> QuestionVector:
    return QuestionVector(profile, np.array(values), baseline)


def group(*questions: tuple[str, QuestionVector | None]) -> list[list[int]]:
    return group_questions(questions)


def test_no_questions():
    assert group() == []


def test_without_vectors__equal_terms_are_one_group():
    asked = ["How do I reset the router?", "reset router", "Where is the key?", "路由器怎么重置", "怎么重置路由器？"]
    assert group(*((text, None) for text in asked)) == [[0, 1], [2], [3, 4]]


def test_vectors__join_questions_in_other_words():
    asked = ("How do I reset the router?", vector(1, 0)), ("Router: how to restore it", vector(0.95, 0.312))
    assert group(*asked) == [[0, 1]]
    assert group(*((text, None) for text, _ in asked)) == [[0], [1]]


def test_vectors__an_average_similarity_is_no_similarity():
    """All texts of some models have a cosine above 0.7."""
    near = [("Who may book the hall?", vector(1, 0, baseline=0.7)), ("Who runs the hall?", vector(0.75, 0.66))]
    raised = [(text, QuestionVector(1, found.values, 0.7)) for text, found in near]
    assert group(*raised) == [[0], [1]]


def test_vectors__of_different_profiles_are_not_compared():
    same = ("reset the router", vector(1, 0)), ("reset the router", vector(0, 1, profile=2))
    assert group(*same) == [[0, 1]]
    assert group(("reset the router", vector(1, 0)), ("restore it", vector(1, 0, profile=2))) == [[0], [1]]


def test_vectors__of_zeros_and_questions_without_words():
    assert group(("?", vector(0, 0)), ("!", None), ("Why?", vector(0, 0))) == [[0], [1], [2]]


def test_a_later_question_never_moves_an_earlier_one():
    asked = [("reset the router", None), ("open the door", None), ("router reset", None)]
    before = group(*asked)
    after = group(*asked, ("the door", None), ("reset", None))
    assert [positions[: len(positions)] for positions in before] == [
        [position for position in positions if position < 3] for positions in after if positions[0] < 3
    ]
