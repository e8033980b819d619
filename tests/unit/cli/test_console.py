"""Untrusted text in the output of commands: it cannot control the terminal or show anything but what it is."""

import json

import pytest

from cli.console import print_json, printable

HOSTILE = "a\x1b[31m\x9b31m\u202egnp.exe\u2066\u200b\ufeff\x07b"


def test_printable__replaces_what_controls_reorders_or_hides():
    shown = printable(HOSTILE)
    assert shown.replace("\ufffd", "") == "a[31m31mgnp.exeb"


@pytest.mark.parametrize("text", ["می\u200cخواهم", "क्\u200dष", "line\nline", "日本語 — ok…"])
def test_printable__leaves_spelling_alone(text):
    assert printable(text) == text


def test_json__escapes_the_same_characters_and_keeps_their_values(capsys):
    print_json({"title": HOSTILE, "name": "日本語"})
    output = capsys.readouterr().out
    assert json.loads(output) == {"title": HOSTILE, "name": "日本語"}
    assert all(character.isprintable() for character in output.replace("\n", ""))
