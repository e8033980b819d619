"""Reading preferences from replies."""

from __future__ import annotations

import pytest

from pipeline.rerank.preference_reply import parse_preference


@pytest.mark.parametrize(
    ("text", "preference"),
    [
        ('{"better": "A"}', "A"),
        ('```json\n{"better": "b"}\n```', "B"),
        ('{"better": "Passage B"}', "B"),
        ("A", "A"),
        ("**B**.", "B"),
        ("Passage A", "A"),
        ("资料B", "B"),
        ("[A]", "A"),
        ("Because of 3 reasons.\nBetter: B", "B"),
        ("<think>B? A has 2 points</think>A", "A"),
        ('{"better": "tie"}', "tie"),
        ("neither", "tie"),
    ],
)
def test_parse_preference__usable_replies(text: str, preference: str) -> None:
    assert parse_preference(text) == preference


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A passage is given.",
        "I think A is better than B.",
        "AB",
        "C",
        '{"better": "C"}',
        '{"better": 1}',
        '{"better": "A"} {"better": "B"}',
        '{"better": "A"}\nBetter: B',
        "<think>A",
        "1",
    ],
)
def test_parse_preference__unusable_replies(text: str) -> None:
    assert parse_preference(text) is None
