"""Markers: find every bracketed reference, in whatever form a model or a source writes it."""

from __future__ import annotations

import re
from collections.abc import Callable

MARK = r"[\[\u3010\uff3b][^\[\]\u3010\u3011\uff3b\uff3d\n]{1,40}[\]\u3011\uff3d]"
"""One bracket within a line, for expressions that need to know where markers stand."""

# The lookbehind and the possessive quantifiers keep the search linear in long runs of spaces.
_BRACKET = re.compile(
    r"(?:(?<![ \t\n])[ \t]*+\n?[ \t]*+)?[\[\u3010\uff3b]"
    r"(?P<inside>[^\[\]\u3010\u3011\uff3b\uff3d]{1,300})[\]\u3011\uff3d]"
)
_REFERENCE = re.compile(
    r"\s*\^?\s*(?:(?:passage|source|document|doc|ref|citation)s?\b\.?|资料|来源|段落|文档)?\s*(?:#|no\.)?\s*"
    r"\d+(?:(?:\s*[-\u2010-\u2015~,\u3001\uff0c;\uff1b&/+:]\s*|\s+(?:and|to)\s+|\s*[和与至到]\s*)\d+)*\s*(?:\u2020.*)?",
    re.IGNORECASE | re.DOTALL,
)
_RANGE = re.compile(r"(\d+)(?:\s*(?:[-\u2010-\u2015~至到]|to)\s*(\d+))?", re.IGNORECASE)
_LINK = re.compile(r"(\d\])(?=[(:])")

MOST_CITED = 20
"""A bracket that names more passages than this names none."""


def replace_markers(text: str, write: Callable[[list[int]], str]) -> str:
    """Write each reference anew from its numbers; other brackets that hold digits become round ones.

    What comes back holds no number in square brackets that `write` has not written, and none of them opens a link.
    """

    def rewrite(match: re.Match[str]) -> str:
        inside = match["inside"]
        if not any(character.isdigit() for character in inside):
            return match[0]
        if _REFERENCE.fullmatch(inside):
            return write(_numbers(inside))
        before = match[0][: match.start("inside") - match.start() - 1]
        return f"{before}({inside})"

    return _LINK.sub(r"\1 ", _BRACKET.sub(rewrite, text))


def drop_markers(text: str) -> str:
    """Drop the references of a text."""
    return replace_markers(text, lambda _: "")


def _numbers(listed: str) -> list[int]:
    numbers: list[int] = []
    for first, last in _RANGE.findall(listed.partition("\u2020")[0]):
        if max(len(first), len(last)) > 3:
            continue
        numbers.extend(range(int(first), int(last or first) + 1))
    return list(dict.fromkeys(numbers)) if len(numbers) <= MOST_CITED else []
