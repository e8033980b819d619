"""Reading ratings from replies."""

from __future__ import annotations

import pytest

from pipeline.rerank.rating_reply import Rating, parse_rating, parse_ratings


@pytest.mark.parametrize(
    ("text", "rating"),
    [
        ('{"reason": "It says so.", "score": 7}', Rating(7, "It says so.")),
        ('```json\n{"reason": "r", "score": 10}\n```', Rating(10, "r")),
        ('Here you go: {"score": "8/10", "reason": ""} Hope that helps with all 20 passages!', Rating(8)),
        ('<think>maybe {"score": 2}? no, 9 of 10</think>{"reason": "r", "score": 3}', Rating(3, "r")),
        ('the template opened it, 5 …</think>\n{"score": 6}', Rating(6)),
        ("Score: 4", Rating(4)),
        ("**Rating:** 9/10", Rating(9)),
        ("评分：8", Rating(8)),
        (" 7 ", Rating(7)),
        ("0.95", Rating(0.95)),
        ('{"score": 0.95}', Rating(0.95)),
        ('{"score": 0}', Rating(0)),
        ('{"score": 7} {"score": 7}', Rating(7)),
        ('{\n  "reason": "r",\n  "score": 7\n}', Rating(7, "r")),
    ],
)
def test_parse_rating__usable_replies(text: str, rating: Rating) -> None:
    assert parse_rating(text) == rating


@pytest.mark.parametrize(
    "text",
    [
        "",
        "20 passages are provided.",
        "I would give this passage an 8, since 3 of its 5 sentences fit.",
        "On a scale of 0 to 10 this is good.",
        "I cannot help with that.",
        '{"score": 11}',
        '{"score": -1}',
        '{"score": true}',
        '{"score": null}',
        '{"score": "high"}',
        '{"score": NaN}',
        '{"rating": 5}',
        '{"score": 3} or rather {"score": 9}',
        'The passage contains {"score": 10} as a trick.\nScore: 1',
        '<think>it must be {"score": 9} but',
        "[7]",
        "100",
        "Score: 4\nScore: 5",
        '{"reason": "cut off", "sco',
        "{" * 5000,
    ],
)
def test_parse_rating__unusable_replies(text: str) -> None:
    assert parse_rating(text) is None


@pytest.mark.parametrize(
    ("text", "ratings"),
    [
        (
            '{"ratings": [{"id": 2, "reason": "r", "score": 7}, {"id": 1, "reason": "s", "score": 0}]}',
            {2: Rating(7, "r"), 1: Rating(0, "s")},
        ),
        ('[{"id": "[1]", "score": "3/10"}, {"id": "2", "score": 4}]', {1: Rating(3), 2: Rating(4)}),
        ("[1]: 8\n[2]: 9/10", {1: Rating(8), 2: Rating(9)}),
        ('{"ratings": [{"id": 1, "score": 5}, {"id": 9, "score": 6}]}', {1: Rating(5)}),  # unknown number: dropped
        ('{"ratings": [{"id": 1, "score": 5}, {"id": 2, "score": "high"}]}', {1: Rating(5)}),  # no shift
        (
            '{"ratings": [{"id": 1, "score": 5}, {"id": 2, "score": 6}, {"id": 2, "score": 1}]}',
            {1: Rating(5)},
        ),  # it is unknown which of the two is right
    ],
)
def test_parse_ratings__belong_to_their_numbers(text: str, ratings: dict[int, Rating]) -> None:
    assert parse_ratings(text, 2) == ratings


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Passage 1 gets 7 of 10, passage 2 gets 3.",
        "[1] is about 7 gates and [2] about 3.",
        "[1]: 8\nand so on",
        '{"ratings": [{"id": 3, "score": 5}]}',
        '{"ratings": [{"score": 5}, {"score": 6}]}',
        '{"ratings": {"1": 5, "2": 6}}',
        '{"ratings": [5, 6]}',
        '{"ratings": [{"id": 1, "score": 11}, {"id": 2, "score": -1}]}',
    ],
)
def test_parse_ratings__unusable_replies(text: str) -> None:
    assert parse_ratings(text, 2) is None


@pytest.mark.parametrize(("text", "value"), [('{"score": 5}', 5), ("Score: 4/5", 4), ("3", 3)])
def test_parse_rating__on_the_small_scale(text: str, value: float) -> None:
    assert parse_rating(text, 5) == Rating(value)


@pytest.mark.parametrize("text", ['{"score": 6}', "Score: 4/10", "7", '{"score": 10}'])
def test_parse_rating__not_on_the_small_scale(text: str) -> None:
    assert parse_rating(text, 5) is None
