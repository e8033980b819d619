"""Markers: find bracketed references to passages, in every form that models and sources use."""

from __future__ import annotations

import re
from collections.abc import Callable

MARK = r"[\[\u3010\uff3b][^\[\]\u3010\u3011\uff3b\uff3d\n]{1,40}[\]\u3011\uff3d]"
"""Expression for one bracket within a line, for use in other expressions."""

# The lookbehind and the possessive quantifiers keep the search linear in long runs of spaces.
_BRACKET = re.compile(
    r"(?:(?<![ \t\n\u00a0\u202f])[ \t\u00a0\u202f]*+\n?[ \t]*+)?[\[\u3010\uff3b]"
    r"(?P<inside>[^\[\]\u3010\u3011\uff3b\uff3d]{1,300})[\]\u3011\uff3d]"
)
_LABEL = (
    r"(?:(?:passage|source|document|doc|ref|reference|citation|cite|footnote|index|id|n|资料|来源|段落|文档)s?(?![a-z])"
    r"|[sp](?=\d))"
    r"\.?\s*[:=_]?\s*[\"']?"
)
REFERENCE = re.compile(
    rf"\s*\^?\s*(?:{_LABEL}){{0,2}}\s*(?:#|no\.)?\s*"
    r"\d+(?:(?:\s*[-\u2010-\u2015~,\u3001\uff0c;\uff1b&/+:]\s*|\s+(?:and|to)\s+|\s*[和与至到]\s*)\d+)*\s*[\"']?\^?\s*(?:\u2020.*)?"
    rf"|\s*{_LABEL}\s*\d+\s*[:|].*",
    re.IGNORECASE | re.DOTALL,
)
"""Expression for the inside of a bracket that refers to passages."""
_RANGE = re.compile(r"(\d+)(?:\s*(?:[-\u2010-\u2015~至到]|to)\s*(\d+))?", re.IGNORECASE)
_LABELLED_TITLE = re.compile(rf"\s*{_LABEL}\s*(\d+)\s*[:|]\s*\D", re.IGNORECASE)
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
        if REFERENCE.fullmatch(inside):
            return write(find_numbers(inside))
        before = match[0][: match.start("inside") - match.start() - 1]
        return f"{before}({inside})"

    return _LINK.sub(r"\1 ", _BRACKET.sub(rewrite, text))


def drop_markers(text: str) -> str:
    """Return a text without its references."""
    return replace_markers(text, lambda _: "")


def find_references(text: str) -> list[int]:
    """Return the numbers of all references in a text."""
    found: list[int] = []

    def collect(numbers: list[int]) -> str:
        found.extend(numbers)
        return ""

    replace_markers(text, collect)
    return found


def find_numbers(listed: str) -> list[int]:
    """Return the numbers of a reference such as "1, 3-5"; none if it lists more than `MAX_CITED`."""
    numbers: list[int] = []
    if labelled := _LABELLED_TITLE.match(listed):
        listed = labelled[1]
    for first, last in _RANGE.findall(listed.partition("\u2020")[0]):
        if max(len(first), len(last)) > 3:
            continue
        numbers.extend(range(int(first), int(last or first) + 1))
    return list(dict.fromkeys(numbers)) if len(numbers) <= MAX_CITED else []
