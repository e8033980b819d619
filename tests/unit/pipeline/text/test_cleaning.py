"""Cleaning of texts from outside."""

import json
from types import MappingProxyType

import numpy as np
import pytest

from pipeline.text.cleaning import (
    clean_line,
    clean_text,
    dump_storable,
    escape_undecodable,
    remove_unstorable,
    remove_unstorable_json,
    unify_line_ends,
)

DIRTY = "a\x00b\udce9c"


def test_clean_text__drops_what_no_store_accepts():
    assert clean_text("a\x00b\ud800c\ufeff\u200bd\u00ade\x07") == "abcde"


def test_clean_text__keeps_tabs_and_makes_every_line_end_a_newline():
    assert clean_text("a\tb\r\nc\rd\u2028e") == "a\tb\nc\nd\ne"


def test_clean_text__keeps_joiners_and_characters_beyond_the_first_plane():
    text = "می\u200cخواهم 𠮷 👩\u200d💻"
    assert clean_text(text) == text


def test_clean_text__twice_changes_nothing():
    once = clean_text("x\x00\r\n\ud83dy\x85")
    assert clean_text(once) == once


def test_clean_line__joins_lines_and_cuts() -> None:
    assert clean_line(" a\x00\n\n b\u3000c ", 100) == "a b c"
    assert clean_line("word " * 10, 12) == "word word w…"


def test_unify_line_ends() -> None:
    assert unify_line_ends("a\r\nb\rc\x0bd\x0ce\x85f\u2028g\u2029h\n") == "a\nb\nc\nd\ne\nf\ng\nh\n"


def test_remove_unstorable__keeps_what_postgresql_stores() -> None:
    assert remove_unstorable(DIRTY) == "abc"
    assert remove_unstorable("ü😀\x07\u200b") == "ü😀\x07\u200b"


def test_remove_unstorable_json__cleans_keys_and_nested_values() -> None:
    assert remove_unstorable_json({DIRTY: [DIRTY, 1, None, 0.5, (DIRTY,)], "ok": "ü😀"}) == {
        "abc": ["abc", 1, None, 0.5, ["abc"]],
        "ok": "ü😀",
    }


@pytest.mark.parametrize("value", [DIRTY, "a\ud83d", "\\u0000", "\\ud800", "ü😀", "plain"])
def test_dump_storable(value: str) -> None:
    assert json.loads(dump_storable({"texts": [value, 1], value: None})) == remove_unstorable_json(
        {"texts": [value, 1], value: None}
    )


def test_dump_storable__writes_numbers_of_numpy_and_mappings() -> None:
    assert dump_storable([np.float32(0.5), MappingProxyType({"a": 1})]) == '[0.5, {"a": 1}]'
    with pytest.raises(TypeError, match="bytes has no form in JSON"):
        dump_storable([b"12"])


@pytest.mark.parametrize(
    ("name", "escaped"),
    [("plan.txt", "plan.txt"), ("caf\udce9.txt", "caf\\udce9.txt"), ("a\x00b", "ab"), ("über😀", "über😀")],
)
def test_escape_undecodable(name: str, escaped: str) -> None:
    assert escape_undecodable(name) == escaped
