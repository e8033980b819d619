"""Unwrap answers that a model has put into a JSON document or a code block."""

from __future__ import annotations

import json
import re

from pipeline.generate.markers import MARK

_FENCE = re.compile(r"\A```[ \t]*(?P<language>[\w+-]{0,20})[ \t]*\n(?P<inside>.*?)(?:\n?```\s*)?\Z", re.DOTALL)
_PROSE_LANGUAGES = frozenset({"markdown", "md", "text", "txt", "plaintext"})
_ANSWER_FIELD = re.compile(
    r"\A\{\s*(?:\"[\w ]{1,30}\"\s*:\s*(?:\[[^\[\]]{0,200}\]|-?[\d.]{1,20}|true|false|null)\s*,\s*){0,5}"
    r"\"(?:final[_ ]?)?(?:answer|response|text|content|output|result|reply|message|回答|答案)\"\s*:\s*"
    r"\"(?P<value>(?:[^\"\\]|\\.)*+)",
    re.IGNORECASE | re.DOTALL,
)
_CITED = re.compile(
    r"\"(?:citations?|sources?|references?|passages?)\"\s*:\s*\[(?P<numbers>[\d\s,\"]{1,60})\]", re.IGNORECASE
)
_BROKEN_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")


def unwrap_answer(text: str) -> str:
    """Return the answer in a JSON document or a code block that is the whole reply, also if its end is missing.

    Code blocks in a programming language, and those without citations, are answers themselves.
    """
    fenced = _FENCE.match(text)
    if fenced and "```" not in fenced["inside"]:
        language, inside = fenced["language"].lower(), fenced["inside"].strip()
        if language in {"json", ""} and inside.startswith("{"):
            text = inside
        elif language in _PROSE_LANGUAGES or (not language and re.search(MARK, inside)):
            return inside
    return _read_json(text) if text.startswith("{") else text


def _read_json(text: str) -> str:
    field = _ANSWER_FIELD.match(text)
    if field is None:
        return text
    value = _BROKEN_ESCAPE.sub("", field["value"])
    try:
        answer = str(json.loads(f'"{value}"', strict=False)).strip()
    except ValueError:
        return text
    cited = _CITED.search(text)
    if cited is None or re.search(MARK, answer):
        return answer
    numbers = ", ".join(re.findall(r"\d{1,3}", cited["numbers"]))
    return f"{answer}\n\nSources: [{numbers}]"
