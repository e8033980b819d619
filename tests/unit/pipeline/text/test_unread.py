"""Sentences about what of a document was not read."""

import dataclasses
from typing import get_args

import pytest

from pipeline.text.unread import format_unread, format_unread_parts, parse_unread
from pipeline.types import Unread, UnreadKind


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        (Unread("pages_without_text", 3, 4, "2-4"), "3 of 4 pages contain only images and were not read (2-4)"),
        (Unread("pages_without_text", 1, 4, "2"), "1 of 4 pages contains only images and was not read (2)"),
        (Unread("pages_without_text", 1, 1), "1 page contains only images and was not read"),
        (Unread("attachments", 2, None, "a.zip, b.exe"), "2 attachments were not read (a.zip, b.exe)"),
        (Unread("hidden_sheets", 1, None, "Keys"), "1 hidden sheet was not read (Keys)"),
        (Unread("other", where="The form is an XFA form."), "The form is an XFA form."),
    ],
)
def test_each_part_is_a_sentence(part, sentence):
    assert format_unread(part) == sentence


def test_every_kind_has_a_text():
    for kind in get_args(UnreadKind):
        assert format_unread(Unread(kind, 2, 3, "x"))
    assert format_unread_parts([Unread("images", 1), Unread("attachments", 2)]) == (
        "1 image was not read; 2 attachments were not read"
    )


def test_stored_parts_are_parsed__and_unknown_shapes_left_out():
    part = Unread("images", 2, None, "p. 3")
    assert parse_unread([dataclasses.asdict(part), "x", {"kind": "images"}]) == (part,)
    assert parse_unread(None) == ()
    later = {"kind": "from_a_later_version", "count": 1, "total": None, "where": ""}
    assert format_unread_parts(parse_unread([later])) == ""
