"""Checks of questions and of the language of an answer."""

from __future__ import annotations

import pytest

from pipeline.errors import InvalidQuestion, UnknownName
from pipeline.questions import check_language, check_question, has_words


@pytest.mark.parametrize("question", ["", "   ", "\x00", "\ud800", " \n"])
def test_check_question__empty(question: str) -> None:
    with pytest.raises(InvalidQuestion, match="The question is empty") as error:
        check_question(question, 100)
    assert error.value.problem == "empty"


@pytest.mark.parametrize("question", ["?!", "👍", "\u200b", "\u202e?", "\u3164", "…"])
def test_check_question__no_words(question: str) -> None:
    with pytest.raises(InvalidQuestion, match="no letters or digits") as error:
        check_question(question, 100)
    assert error.value.problem == "no-words"


def test_check_question__too_long() -> None:
    assert check_question("x" * 4000, 4000) == "x" * 4000
    with pytest.raises(InvalidQuestion, match=r"5,000 characters; the limit is 4,000\.") as error:
        check_question(" " + "x" * 5000, 4000)
    assert (error.value.problem, error.value.length, error.value.limit) == ("long", 5000, 4000)


@pytest.mark.parametrize(
    ("question", "checked"),
    [
        ("  When does the gate open?\n", "When does the gate open?"),
        ("钥匙在哪？", "钥匙在哪？"),
        ("열쇠?", "열쇠?"),
        ("7", "7"),
        ("a\x00b\ud800c", "abc"),
        ("℃", "℃"),
    ],
)
def test_check_question__valid(question: str, checked: str) -> None:
    assert check_question(question, 100) == checked


@pytest.mark.parametrize("text", ["℃", "™", "🄰", "㋿", "①"])
def test_has_words__compatibility_characters_count(text: str) -> None:
    assert has_words(text)


@pytest.mark.parametrize("text", ["\u115f", "\u1160", "\u3164", "\uffa0"])
def test_has_words__hangul_fillers_do_not_count(text: str) -> None:
    assert text.isalnum()
    assert not has_words(text)


def test_check_language() -> None:
    for language in ("", "en", "zh"):
        check_language(language)
    with pytest.raises(UnknownName, match="not available in 'fr'; choose one of en, zh"):
        check_language("fr")
