"""What was not read, in Discord."""

from typing import get_args

import pytest

from bot.locales.texts import LANGUAGES, Texts
from bot.render.unread import format_unread
from pipeline.types import Unread, UnreadKind


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_has_a_text__in_each_language(language):
    for kind in get_args(UnreadKind):
        assert "scan.pdf" in format_unread([Unread(kind, 2, 3, "scan.pdf")], Texts(language))


def test_shares_and_places_are_named():
    t = Texts("en")
    assert format_unread([Unread("pages_without_text", 3, 4, "2-4")], t) == (
        "Not read: 3 of 4 pages with only images (2-4)"
    )
    assert format_unread([], t) == ""


def test_names_from_the_document_are_escaped_and_bounded():
    text = format_unread([Unread("attachments", 1, None, "@everyone **x** <@1> " + "y" * 5000)], Texts("en"))
    assert "@everyone" not in text
    assert "**x**" not in text
    assert len(text) < 300


def test_only_the_first_parts_are_listed():
    assert format_unread([Unread("images", 1)] * 9, Texts("en")).endswith("… and 5 more")
