"""Markers: find bracketed references to passages, in every form that models and sources use."""

from __future__ import annotations

import re
from collections.abc import Callable

MARK = r"[\[\u3010\uff3b][^\[\]\u3010\u3011\uff3b\uff3d\n]{1,40}[\]\u3011\uff3d]"
"""Expression for one bracket within a line, for use in other expressions."""

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

MAX_CITED = 20
"""A bracket with more passages than this is ignored."""


def replace_markers(text: str, write: Callable[[list[int]], str]) -> str:
    """Replace each reference with the result of `write` for its numbers.

    Other brackets with digits become round ones. The result contains no number in square brackets except those that
    `write` returned, and none of them starts a Markdown link.
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
    """Return a text without its references."""
    return replace_markers(text, lambda _: "")


def _numbers(listed: str) -> list[int]:
    numbers: list[int] = []
    for first, last in _RANGE.findall(listed.partition("\u2020")[0]):
        if max(len(first), len(last)) > 3:
            continue
        numbers.extend(range(int(first), int(last or first) + 1))
    return list(dict.fromkeys(numbers)) if len(numbers) <= MAX_CITED else []
