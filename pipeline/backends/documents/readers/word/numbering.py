"""The numbers and bullets of paragraphs, counted as Word counts them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.backends.documents.readers.number_formats import format_number
from pipeline.backends.documents.readers.ooxml import XmlElement, attribute, child, children, is_on
from pipeline.backends.documents.readers.word.styles import Styles

LEVELS = 9
"""Levels of a multilevel list."""

BULLET = "-"
_PLACEHOLDER = re.compile(r"%([1-9])")


@dataclass(frozen=True, slots=True)
class ListLabel:
    """What stands before a numbered paragraph."""

    marker: str
    """The number as shown, or "-" for a bullet; empty if the level shows none."""
    level: int


class Numbering:
    """The numbering part with the counters of its lists; asked for each paragraph in document order."""

    def __init__(self, root: XmlElement | None, styles: Styles) -> None:
        """Index the lists."""
        self._styles = styles
        self._abstract = {attribute(each, "w:abstractNumId"): each for each in children(root, "w:abstractNum")}
        self._numbers = {attribute(each, "w:numId"): each for each in children(root, "w:num")}
        self._levels = {
            (key, attribute(level, "w:ilvl")): level
            for key, abstract in self._abstract.items()
            for level in children(abstract, "w:lvl")
        }
        self._overrides = {
            (key, attribute(override, "w:ilvl")): override
            for key, number in self._numbers.items()
            for override in children(number, "w:lvlOverride")
        }
        self._counters: dict[str, list[int | None]] = {}
        self._started: set[tuple[str, int]] = set()

    def label(self, properties: XmlElement | None, style: str) -> ListLabel | None:
        """Return the label of a paragraph by its `w:pPr` element and count it; None if it has no number or bullet."""
        direct = child(properties, "w:numPr")
        styled, inherited = self._styles.numbering(style)
        if direct is None and inherited is None:
            return None
        number_id = attribute(child(direct, "w:numId"), "w:val") or attribute(child(inherited, "w:numId"), "w:val")
        if number_id not in self._numbers:  # 0 removes the numbering of the style
            return None
        abstract_id, abstract = self._resolve(number_id)
        if abstract is None:
            return None
        level = attribute(child(direct, "w:ilvl"), "w:val")
        if not level:
            level = self._level_of_style(abstract, style, styled) or attribute(child(inherited, "w:ilvl"), "w:val")
        index = min(int(level), LEVELS - 1) if level.isdigit() else 0
        self._count(number_id, abstract_id, abstract, index)
        return ListLabel(self._format(number_id, abstract_id, abstract, index), index)

    def _resolve(self, number_id: str) -> tuple[str, XmlElement | None]:
        """Return the list definition behind a number; a definition may refer to that of a list style."""
        for _ in range(2):
            abstract_id = attribute(child(self._numbers.get(number_id), "w:abstractNumId"), "w:val")
            abstract = self._abstract.get(abstract_id)
            link = attribute(child(abstract, "w:numStyleLink"), "w:val")
            if not link:
                return abstract_id, abstract
            number_id = attribute(child(self._styles.numbering(link)[1], "w:numId"), "w:val")
        return abstract_id, abstract

    @staticmethod
    def _level_of_style(abstract: XmlElement, *styles: str) -> str:
        """Return the level that the list definition links with a style."""
        linked = {attribute(child(each, "w:pStyle"), "w:val"): each for each in children(abstract, "w:lvl")}
        return next((attribute(linked[style], "w:ilvl") for style in styles if style and style in linked), "")

    def _override(self, number_id: str, index: int) -> XmlElement | None:
        return self._overrides.get((number_id, str(index)))

    def _level(self, number_id: str, abstract: XmlElement, index: int) -> XmlElement | None:
        overriding = child(self._override(number_id, index), "w:lvl")
        if overriding is not None:
            return overriding
        return self._levels.get((attribute(abstract, "w:abstractNumId"), str(index)))

    def _start(self, number_id: str, abstract: XmlElement, index: int) -> int:
        return _to_int(attribute(child(self._level(number_id, abstract, index), "w:start"), "w:val"), 1)

    def _count(self, number_id: str, abstract_id: str, abstract: XmlElement, index: int) -> None:
        counters = self._counters.setdefault(abstract_id, [None] * LEVELS)
        start = attribute(child(self._override(number_id, index), "w:startOverride"), "w:val")
        current = counters[index]
        if start and (number_id, index) not in self._started:
            counters[index] = _to_int(start, 1)
        else:
            counters[index] = self._start(number_id, abstract, index) if current is None else current + 1
        self._started.add((number_id, index))
        for deeper in range(index + 1, LEVELS):
            restart = attribute(child(self._level(number_id, abstract, deeper), "w:lvlRestart"), "w:val")
            if index < _to_int(restart, deeper):
                counters[deeper] = None

    def _format(self, number_id: str, abstract_id: str, abstract: XmlElement, index: int) -> str:
        level = self._level(number_id, abstract, index)
        kind = attribute(child(level, "w:numFmt"), "w:val") or "decimal"
        if kind == "bullet":
            return BULLET
        pattern = attribute(child(level, "w:lvlText"), "w:val")
        if level is None or not pattern.strip():
            return ""
        decimal_only = is_on(child(level, "w:isLgl"))

        def number_of(match: re.Match[str]) -> str:
            shown = int(match[1]) - 1
            value = self._counters[abstract_id][shown]
            if value is None:
                value = self._start(number_id, abstract, shown)
            name = attribute(child(self._level(number_id, abstract, shown), "w:numFmt"), "w:val")
            if name == "none":
                return ""
            return format_number(value, "decimal" if decimal_only and shown != index else name)

        return " ".join(_PLACEHOLDER.sub(number_of, pattern).split())


def _to_int(text: str, default: int) -> int:
    return int(text) if text.isdigit() and len(text) < 10 else default
