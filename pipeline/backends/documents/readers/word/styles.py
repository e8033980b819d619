"""The styles of a Word document, resolved along their inheritance."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from pipeline.backends.documents.readers.ooxml import XmlElement, attribute, child, children, is_on, name_of

MAX_INHERITANCE = 20
"""Styles that are followed along `w:basedOn`, which may be circular."""

_FORMATS = frozenset({"w:strike", "w:dstrike", "w:vanish", "w:vertAlign", "w:rFonts"})
_HEADING = re.compile(r"heading ([1-9])")


@dataclass(frozen=True, slots=True)
class RunFormat:
    """The formatting of a run that changes what its text says; None where a style does not set it."""

    struck: bool | None = None
    hidden: bool | None = None
    script: str | None = None
    font: str | None = None


_UNSET = RunFormat()


def read_run_format(properties: XmlElement | None) -> RunFormat:
    """Read the formatting that a `w:rPr` element sets itself."""
    if properties is None or not len(properties):
        return _UNSET
    found = {name_of(element): element for element in properties}
    if found.keys().isdisjoint(_FORMATS):
        return _UNSET
    strikes = [found[name] for name in ("w:strike", "w:dstrike") if name in found]
    fonts = found.get("w:rFonts")
    vertical = attribute(found.get("w:vertAlign"), "w:val")
    return RunFormat(
        struck=any(map(is_on, strikes)) if strikes else None,
        hidden=is_on(found["w:vanish"]) if "w:vanish" in found else None,
        script={"superscript": "super", "subscript": "sub"}.get(vertical, "") if vertical else None,
        font=attribute(fonts, "w:ascii") or attribute(fonts, "w:hAnsi") or None,
    )


@lru_cache(maxsize=1024)
def combine(*formats: RunFormat) -> RunFormat:
    """Combine formatting; the first that sets a property decides."""
    result = _UNSET
    for each in reversed(formats):
        result = RunFormat(
            result.struck if each.struck is None else each.struck,
            result.hidden if each.hidden is None else each.hidden,
            result.script if each.script is None else each.script,
            each.font or result.font,
        )
    return result


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
        self.is_title = cache(self._is_title)

    def style_of(self, properties: XmlElement | None) -> str:
        """Return the identifier of the style in the `w:pPr` element of a paragraph."""
        return attribute(child(properties, "w:pStyle"), "w:val") or self._default

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

    def _is_title(self, style: str) -> bool:
        """Return whether the style is that of the document's title."""
        return any(self.name(each) == "title" for each in self.chain(style) or [style])

    def _find_numbering(self, style: str) -> tuple[str, XmlElement | None]:
        """Return the style in the chain that sets a numbering, and its `w:numPr` element."""
        for each in self.chain(style):
            numbering = child(self._styles[each], "w:pPr", "w:numPr")
            if numbering is not None and child(numbering, "w:numId") is not None:
                return each, numbering
        return "", None
