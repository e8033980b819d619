"""Identifiers: the exact names in a question, such as GX-0412, ticket 37 or 第12条, and the units that name others.

A row about GX-0413 is no answer to a question about GX-0412, however similar the two are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.text.terms import content_terms, is_content_term, split_terms
from pipeline.text.units import Unit

_CODE = re.compile(r"(?<![\w./-])#?(?=[\w./-]*\d)[A-Za-z0-9]+(?:[._/-][A-Za-z0-9]+)*(?![\w/-]|\.\w)")
"""A word with a digit: GX-0412, 37, #520, 9B0231, 2.4.0."""
_AMOUNT = re.compile(r"\d+(?:st|nd|rd|th|s|am|pm|h|min|[cmk]?m|k?g|[kmgt]?b|x)", re.IGNORECASE)
"""An ordinal, a decade or a number with a unit, which identifies nothing."""
_VERSION = re.compile(r"\d+(?:\.\d{1,3}){2,3}")
_COUNTED = re.compile(
    r"\s?(?:[%$\u20ac\u00a3\u00a5\u00b0\uff05]|[^\W\d_]+s\b|(?:euro|yen|yuan|people|percent|million|billion|[cmk]?m|k?g)\b)"
)
"""A unit or a noun in the plural: the number before it is an amount."""
_ORDINAL = re.compile(r"第\s?(\d+)\s?([^\s\d])")
_LABEL = re.compile(r"([^\W\d_]+)[.:]?\s{0,2}(?:no\.?\s?|nr\.?\s?|#|\u2116\s?)?\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier of a text."""

    kind: str
    """What distinguishes its like from other identifiers: the word before a number, or the letters of a code."""
    value: str


def find_identifiers(text: str) -> frozenset[Identifier]:
    """Return the codes, the numbers that follow a noun, and the Chinese ordinals of a text."""
    return frozenset((*_find_codes(text), *(Identifier(f"第{m[2]}", m[1]) for m in _ORDINAL.finditer(text))))


def identifiers_of(unit: Unit) -> frozenset[Identifier]:
    """Return the identifiers of a unit and its heading; the number in a cell follows the noun in its header."""
    found = set(find_identifiers(unit.heading))
    if not unit.cells:
        found |= find_identifiers(unit.text)
    for header, cell in unit.cells:
        found |= find_identifiers(cell)
        value = _normalise(cell)
        if value.isdigit():
            found |= {Identifier(term, value) for term in content_terms(header)}
    return frozenset(found)


def names_another(asked: frozenset[Identifier], named: frozenset[Identifier]) -> bool:
    """Return True if a unit names other identifiers of the same kind than the question does, but not that one."""
    return any(
        any(other.kind == one.kind for other in named) and not any(_is_same(one, other) for other in named)
        for one in asked
    )


def names_one(asked: frozenset[Identifier], named: frozenset[Identifier]) -> bool:
    """Return True if a unit names an identifier of the question."""
    return any(_is_same(one, other) for one in asked for other in named)


def mentions_one(asked: frozenset[Identifier], text: str) -> bool:
    """Return True if a text contains the value of an identifier."""
    folded = text.casefold()
    return any(re.search(rf"(?<![\w]){re.escape(one.value)}(?![\w])", folded) for one in asked)


def _is_same(one: Identifier, other: Identifier) -> bool:
    return one.value == other.value and (one.kind == other.kind or not one.value.isdigit())


def _find_codes(text: str) -> Iterator[Identifier]:
    for match in _CODE.finditer(text):
        value = _normalise(match[0])
        if _AMOUNT.fullmatch(value):
            continue
        letters = re.sub(r"\d+", "0", value)
        if any(character.isalpha() for character in letters):
            yield Identifier(letters, value)
            continue
        if match[0].startswith("#"):
            yield Identifier("#", value)
        if _VERSION.fullmatch(value):
            yield Identifier("0.0.0", value)
        label = _LABEL.search(text[max(0, match.start() - 40) : match.start()])
        term = next(split_terms(label[1]), "") if label else ""
        if term and is_content_term(term) and not _COUNTED.match(text, match.end()):
            yield Identifier(term, value)


def _normalise(value: str) -> str:
    return value.strip().lstrip("#").casefold()
