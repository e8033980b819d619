"""The styles of an OpenDocument text: struck-out and hidden text, raised text, the labels of lists and headings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from pipeline.backends.documents.readers.number_formats import format_number
from pipeline.backends.documents.readers.ooxml import (
    XmlElement,
    attribute,
    child,
    children,
    descendants,
    name_of,
)

MAX_INHERITANCE = 20
"""Styles that are followed along their parents, which may be circular."""
LEVELS = 10
"""Levels of a list."""
BULLET = "-"

_NUMBER_FORMATS = {
    "a": "lowerLetter",
    "A": "upperLetter",
    "i": "lowerRoman",
    "I": "upperRoman",
    "一, 二, 三, ...": "chineseCounting",
}


@dataclass(frozen=True, slots=True)
class TextFormat:
    """The formatting of text that changes what it says; None where a style does not set it."""

    struck: bool | None = None
    hidden: bool | None = None
    script: Literal["", "super", "sub"] | None = None

    def over(self, base: TextFormat) -> TextFormat:
        """Return this formatting with the properties that it does not set taken from another."""
        return TextFormat(
            base.struck if self.struck is None else self.struck,
            base.hidden if self.hidden is None else self.hidden,
            base.script if self.script is None else self.script,
        )


@dataclass(slots=True)
class ListCounters:
    """The current numbers of a list by level."""

    numbers: list[int | None] = field(default_factory=lambda: [None] * LEVELS)

    def count(self, level: int, start: int) -> None:
        """Count one item; deeper levels start again."""
        current = self.numbers[level]
        self.set(level, start if current is None else current + 1)

    def set(self, level: int, number: int) -> None:
        """Set the number of a level; deeper levels start again."""
        self.numbers[level] = number
        self.numbers[level + 1 :] = [None] * (LEVELS - level - 1)


class Styles:
    """The styles of all parts, by family and name."""

    def __init__(self, roots: Iterable[XmlElement]) -> None:
        """Index the styles; those of the content override those of the styles part."""
        self._styles: dict[tuple[str, str], XmlElement] = {}
        self._lists: dict[str, XmlElement] = {}
        self.outline: XmlElement | None = None
        for root in roots:
            for style in descendants(root, "style:style", "text:list-style", "text:outline-style"):
                kind = name_of(style)
                if kind == "style:style":
                    self._styles[attribute(style, "style:family"), attribute(style, "style:name")] = style
                elif kind == "text:list-style":
                    self._lists[attribute(style, "style:name")] = style
                else:
                    self.outline = style
        self.text_format = cache(self._resolve_format)

    def list_style(self, name: str) -> XmlElement | None:
        """Return a list style."""
        return self._lists.get(name)

    def list_name(self, paragraph_style: str) -> str:
        """Return the list style that a paragraph style sets."""
        chain = self._chain("paragraph", paragraph_style)
        return next((name for style in chain if (name := attribute(style, "style:list-style-name"))), "")

    def is_title(self, paragraph_style: str) -> bool:
        """Return whether a paragraph style is that of the document's title."""
        chain = self._chain("paragraph", paragraph_style)
        return paragraph_style == "Title" or any(attribute(style, "style:name") == "Title" for style in chain)

    def is_hidden_section(self, name: str) -> bool:
        """Return whether a section style hides its text."""
        return any(attribute(style, "text:display") == "none" for style in self._chain("section", name))

    def _chain(self, family: str, name: str) -> list[XmlElement]:
        chain: list[XmlElement] = []
        while (style := self._styles.get((family, name))) is not None and len(chain) < MAX_INHERITANCE:
            chain.append(style)
            name = attribute(style, "style:parent-style-name")
        return chain

    def _resolve_format(self, family: str, name: str) -> TextFormat:
        result = TextFormat()
        for style in self._chain(family, name):
            result = result.over(_read_format(child(style, "style:text-properties")))
        return result


def _read_format(properties: XmlElement | None) -> TextFormat:
    lines = [attribute(properties, f"style:text-line-through-{name}") for name in ("style", "type")]
    display = attribute(properties, "text:display")
    position = attribute(properties, "style:text-position").split(" ")[0]
    script: Literal["", "super", "sub"] | None = None
    if position:
        lowered = position == "sub" or position.startswith("-")
        script = "sub" if lowered else "" if position in ("0%", "0") else "super"
    return TextFormat(
        struck=any(line not in ("", "none") for line in lines) if any(lines) else None,
        hidden=display == "none" if display else None,
        script=script,
    )


def find_level(style: XmlElement | None, level: int) -> XmlElement | None:
    """Return the definition of a level, from 0, in a list style or the outline style."""
    names = ("number", "bullet", "image")
    levels = [each for name in names for each in children(style, f"text:list-level-style-{name}")]
    levels += children(style, "text:outline-level-style")
    return next((each for each in levels if attribute(each, "text:level") == str(level + 1)), None)


def start_of(definition: XmlElement | None) -> int:
    """Return the first number of a level."""
    return to_int(attribute(definition, "text:start-value"), 1)


def format_label(style: XmlElement | None, counters: ListCounters, level: int) -> str:
    """Return the number as shown, "-" for a bullet, or an empty text if the level has no label."""
    definition = find_level(style, level)
    if definition is None:
        return ""
    if name_of(definition).endswith(("bullet", "image")):
        return BULLET
    shown = max(1, to_int(attribute(definition, "text:display-levels"), 1))
    numbers = []
    for each in range(max(0, level - shown + 1), level + 1):
        own = find_level(style, each)
        kind = attribute(own, "style:num-format")
        number = counters.numbers[each]
        if kind:
            numbers.append(format_number(start_of(own) if number is None else number, _NUMBER_FORMATS.get(kind, "")))
    if not attribute(definition, "style:num-format"):
        return ""
    prefix, suffix = (attribute(definition, f"style:num-{name}") for name in ("prefix", "suffix"))
    return f"{prefix}{'.'.join(numbers)}{suffix}".strip()


def to_int(text: str, default: int) -> int:
    """Return a number of up to nine digits, or the default."""
    return int(text) if text.isdigit() and len(text) < 10 else default
