"""Long texts are split into messages that fit, with intact code blocks."""

from __future__ import annotations

import random
import re

import pytest

from bot.render.split import MAX_MESSAGE_UNITS, split_message, truncate, utf16_length
from tests.discord_markup import is_balanced


def test_utf16_length__counts_like_the_apps():
    assert utf16_length("añ中") == 3
    assert utf16_length("😀") == 2
    assert utf16_length("👩\u200d🔬") == 5


@pytest.mark.parametrize("text", ["", "  \n ", "\n\n"])
def test_split__empty_text(text):
    assert split_message(text) == []


def test_split__short_stays_whole():
    assert split_message("One.\n\nTwo.") == ["One.\n\nTwo."]


@pytest.mark.parametrize("letter", ["a", "中", "😀", "e\u0301", "👩\u200d🔬", "`", "\\", "|"])
def test_split__ten_thousand_characters(letter):
    parts = split_message(letter * 10_000)
    assert all(0 < utf16_length(part) <= MAX_MESSAGE_UNITS for part in parts)
    assert "".join(parts) == letter * 10_000 or letter == "`"


def test_split__prefers_paragraphs_then_lines_then_sentences_then_words():
    paragraphs = "\n\n".join("word " * 150 + "end." for _ in range(4))
    assert all(part.endswith("end.") for part in split_message(paragraphs))
    lines = "\n".join("word " * 30 + "end." for _ in range(40))
    assert all(part.endswith("end.") for part in split_message(lines))
    sentences = "A few words here. " * 400
    assert all(part.endswith("here.") for part in split_message(sentences))
    chinese = "这里有几个字。" * 900
    assert all(part.endswith("。") for part in split_message(chinese))
    words = "word " * 900
    assert all(part.endswith("word") for part in split_message(words))


def test_split__a_code_block_continues_with_its_language():
    code = "\n".join(f"line {n} = {n}" for n in range(400))
    parts = split_message(f"Before.\n```python\n{code}\n```\nAfter.")
    assert len(parts) > 2
    assert all(is_balanced(part) for part in parts)
    assert all(part.startswith("```python\n") for part in parts[1:])
    assert parts[-1].endswith("After.")
    held = [match[1] for part in parts for match in re.finditer(r"```python\n([\s\S]*?)\n```", part)]
    assert "\n".join(held) == code


def test_split__a_code_block_that_fits_a_message_is_not_cut():
    block = "```\n" + "x = 1\n" * 100 + "```"
    parts = split_message("word " * 350 + "\n" + block)
    assert parts[1] == block.replace("\n```", "\n```")


def test_split__inline_code_is_not_cut():
    text = "word " * 396 + "`some code in a span` and more"
    assert all(part.count("`") % 2 == 0 for part in split_message(text))


def test_split__random_input():
    chance = random.Random(3)
    pieces = [
        "wörd ",
        "Séntence. ",
        "\n",
        "\n\n",
        "```py\n",
        "```",
        "`x`",
        "😀",
        "中文。",
        "x" * 300,
        "=\n" * 90,
        "\u0301",
    ]
    for _ in range(60):
        text = "".join(chance.choice(pieces) for _ in range(60))
        for limit in (200, 700, MAX_MESSAGE_UNITS):
            parts = split_message(text, limit)
            assert all(0 < utf16_length(part) <= limit for part in parts)
            assert all(is_balanced(part) for part in parts) or len(re.findall("`{3,}", text)) % 2
            # Only code fences are added; all other text is preserved.
            assert re.sub(r"[`py\s]", "", "".join(parts)) == re.sub(r"[`py\s]", "", text)


def test_truncate__never_splits_a_visible_character():
    assert truncate("abc", 3) == "abc"
    assert truncate("abcd", 3) == "ab…"
    assert truncate("ab😀cd", 4) == "ab…"
    assert truncate("ae\u0301bc", 3) == "a…"
    assert truncate("x👩\u200d🔬👩\u200d🔬", 7) == "x👩\u200d🔬…"
