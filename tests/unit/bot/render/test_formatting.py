"""Formatting shared by the messages: errors that jobs have stored, and who can see a document."""

from __future__ import annotations

import pytest

from bot.locales.texts import texts_for
from bot.render.formatting import format_error, format_scope
from pipeline import errors

EN = texts_for("en-US")


@pytest.mark.parametrize(("former", "name"), errors.FORMER_NAMES.items())
def test_error__stored_under_a_former_class_name_has_its_text(former: str, name: str) -> None:
    assert format_error(former, "The limit is $1.", EN) == format_error(name, "The limit is $1.", EN)
    assert format_error(former, "The limit is $1.", EN) != EN("error-unknown")


@pytest.mark.parametrize(
    "name",
    [
        "EmptyDocument",
        "EncryptedFile",
        "FileTooLarge",
        "LinkFailed",
        "LinkNotAllowed",
        "ParseTimeout",
        "UnreadableFile",
        "UnsupportedFormat",
    ],
)
def test_error__of_a_file_or_link_has_no_english_detail_in_chinese(name: str) -> None:
    text = format_error(name, "example.org answered 404 Not Found.", texts_for("zh-CN"))
    assert "answered" not in text
    assert "。" in text


def test_scope__of_many_channels_states_how_many_are_not_named() -> None:
    five = ["301", "302", "303", "304", "305"]
    assert "more" not in format_scope(five, "100", EN)
    text = format_scope([*five, "306", "307"], "100", EN)
    assert "<#305> … and 2 more" in text
    assert "<#306>" not in text
