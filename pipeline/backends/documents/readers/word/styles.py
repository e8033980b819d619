"""The styles of a Word document, resolved along their inheritance."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from pipeline.backends.documents.readers.ooxml import XmlElement, attribute, child, children, is_on

MAX_INHERITANCE = 20
"""Styles that are followed along `w:basedOn`, which may be circular."""

_HEADING = re.compile(r"heading ([1-9])")


@dataclass(frozen=True, slots=True)
class RunFormat:
    """The formatting of a run that changes what its text says; None where a style does not set it."""

    struck: bool | None = None
    hidden: bool | None = None
    script: str | None = None
    font: str | None = None


def read_run_format(properties: XmlElement | None) -> RunFormat:
    """Read the formatting that a `w:rPr` element sets itself."""
    if properties is None:
        return RunFormat()
    strikes = [element for name in ("w:strike", "w:dstrike") if (element := child(properties, name)) is not None]
    vanish = child(properties, "w:vanish")
    fonts = child(properties, "w:rFonts")
    vertical = attribute(child(properties, "w:vertAlign"), "w:val")
    return RunFormat(
        struck=any(map(is_on, strikes)) if strikes else None,
        hidden=is_on(vanish) if vanish is not None else None,
        script={"superscript": "super", "subscript": "sub"}.get(vertical, "") if vertical else None,
        font=attribute(fonts, "w:ascii") or attribute(fonts, "w:hAnsi") or None,
    )


def combine(*formats: RunFormat) -> RunFormat:
    """Combine formattings; the first that sets a property decides."""

    def first(name: str) -> bool | str | None:
        return next((value for each in formats if (value := getattr(each, name)) is not None), None)

    return RunFormat(first("struck"), first("hidden"), first("script"), first("font"))  # type: ignore[arg-type]


class Styles:
    """The styles part; a document without one has no styles."""

    def __init__(self, root: XmlElement | None) -> None:
        """Index the styles by their identifiers."""
        self._styles = {attribute(style, "w:styleId"): style for style in children(root, "w:style")}
        self._default = next(
            (
                attribute(style, "w:styleId")
                for style in self._styles.values()
                if attribute(style, "w:type") == "paragraph" and attribute(style, "w:default") in ("1", "true", "on")
            ),
            "",
        )
        self.run_format = cache(self._resolve_run_format)
        self.outline_level = cache(self._find_outline_level)
        self.numbering = cache(self._find_numbering)

    def style_of(self, paragraph: XmlElement) -> str:
        """Return the identifier of the style of a paragraph."""
        return attribute(child(paragraph, "w:pPr", "w:pStyle"), "w:val") or self._default

    def name(self, style: str) -> str:
        """Return the name of a style in lower case, which for built-in styles is English in every language."""
        return attribute(child(self._styles.get(style), "w:name"), "w:val").lower() or style.lower()

    def chain(self, style: str) -> list[str]:
        """Return the style and those that it is based on."""
        result: list[str] = []
        while style in self._styles and style not in result and len(result) < MAX_INHERITANCE:
            result.append(style)
            style = attribute(child(self._styles[style], "w:basedOn"), "w:val")
        return result

    def _resolve_run_format(self, style: str) -> RunFormat:
        return combine(*(read_run_format(child(self._styles[each], "w:rPr")) for each in self.chain(style)))

    def _find_outline_level(self, style: str) -> int | None:
        """Return the heading level that a style has, from 1; None if it is not the style of a heading."""
        for each in self.chain(style) or [style]:
            heading = _HEADING.fullmatch(self.name(each)) or _HEADING.fullmatch(re.sub(r"(?=\d$)", " ", each.lower()))
            if heading:
                return int(heading[1])
            level = attribute(child(self._styles.get(each), "w:pPr", "w:outlineLvl"), "w:val")
            if level.isdigit():
                return int(level) + 1 if int(level) < 9 else None
        return None

    def is_title(self, style: str) -> bool:
        """Return whether the style is that of the document's title."""
        return any(self.name(each) == "title" for each in self.chain(style) or [style])

    def _find_numbering(self, style: str) -> tuple[str, XmlElement | None]:
        """Return the style in the chain that sets a numbering, and its `w:numPr` element."""
        for each in self.chain(style):
            numbering = child(self._styles[each], "w:pPr", "w:numPr")
            if numbering is not None and child(numbering, "w:numId") is not None:
                return each, numbering
        return "", None
