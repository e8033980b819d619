"""Reading a language model's reasons."""

from __future__ import annotations

import json

import pytest

from pipeline.rerank.reasons_reply import parse_reasons


def test_parse_reasons__by_the_number_of_the_passage() -> None:
    reply = {"reasons": [{"id": 2, "reason": "It names the year."}, {"id": "[1]", "reason": "It is about the gate."}]}
    expected = {1: "It names the year.", 0: "It is about the gate."}
    assert parse_reasons(json.dumps(reply), 3) == expected
    assert parse_reasons(f"<think>2?</think>```json\n{json.dumps(reply)}\n```", 3) == expected


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "Passage 1 is best.",
        '{"reasons": "all good"}',
        '{"reasons": [1, null, "x"]}',
        '{"reasons": [{"id": 4, "reason": "beyond"}, {"id": 0, "reason": "below"}, {"id": 1, "reason": " "}]}',
        '{"reasons": [{"id": 1}, {"reason": "x"}, {"id": 1, "reason": 5}]}',
    ],
)
def test_parse_reasons__leaves_out_everything_else(reply: str) -> None:
    assert parse_reasons(reply, 3) == {}


def test_parse_reasons__of_repeated_numbers_the_first_counts() -> None:
    reply = '{"reasons": [{"id": 1, "reason": "first"}, {"id": 1, "reason": "second"}]}'
    assert parse_reasons(reply, 1) == {0: "first"}
