"""Estimated tokens: rather too many than too few, in every script."""

from __future__ import annotations

import pytest

from pipeline.text.tokens import cut_to_tokens, estimate_message_tokens, estimate_tokens
from pipeline.types import ChatMessage


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("word", 1),
        ("a longer text", 4),
        ("数据库在哪里？", 7),
        ("база", 2),
        ("größer", 3),
        ("x 数 б", 3),
        ("| 12.50 |", 6),
    ],
)
def test_estimate_tokens(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens


@pytest.mark.parametrize(
    "text", ["word " * 500, "数据库" * 500, "база данных " * 200, "mixed 数据 und база " * 100, "🙂" * 900]
)
@pytest.mark.parametrize("tokens", [1, 7, 100])
def test_cut_to_tokens__the_longest_beginning_that_fits(text: str, tokens: int) -> None:
    cut = cut_to_tokens(text, tokens)
    assert text.startswith(cut)
    assert estimate_tokens(cut) <= tokens < estimate_tokens(text[: len(cut) + 4])


def test_cut_to_tokens__leaves_what_fits() -> None:
    assert cut_to_tokens("short", 100) == "short"


def test_estimate_message_tokens__counts_what_the_format_adds() -> None:
    assert estimate_message_tokens([ChatMessage("system", "word"), ChatMessage("user", "word word")]) == 4 + 1 + 4 + 3
