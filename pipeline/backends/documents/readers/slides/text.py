"""Read the text of shapes: paragraphs with bullets and numbers, struck-out and raised text, links."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pipeline.backends.documents.readers.inline import Span, format_spans
from pipeline.backends.documents.readers.number_formats import format_number
from pipeline.backends.documents.readers.ooxml import (
    Relationship,
    XmlElement,
    attribute,
    child,
    children,
    descendants,
    name_of,
)
from pipeline.backends.documents.readers.word.equations import format_equation
from pipeline.parse import Element

LEVELS = 9
_NUMBER_FORMATS = {
    "alphaLc": "lowerLetter", "alphaUc": "upperLetter", "romanLc": "lowerRoman", "romanUc": "upperRoman",
    "circleNum": "decimalEnclosedCircle", "ea1Chs": "chineseCounting", "ea1Cht": "chineseCounting",
}  # fmt: skip
_AUTOMATIC = re.compile(r"([a-zA-Z0-9]+?)(ParenBoth|ParenR|Period|Plain|DbPlain|WdBlackPlain|WdWhitePlain|Minus)?")
_BULLETS = ("a:buNone", "a:buChar", "a:buAutoNum", "a:buBlip")
_PAGE_FIELDS = ("slidenum", "datetime", "header", "footer")


def read_paragraphs(
    body: XmlElement | None,
    relationships: Mapping[str, Relationship],
    page: int | None,
    list_styles: Sequence[XmlElement] = (),
) -> Iterator[Element]:
    """Yield the paragraphs of a text body; `list_styles` define its bullets, the most specific first."""
    numbers: dict[int, int] = {}
    inherited: dict[int, XmlElement | None] = {}
    for paragraph in children(body, "a:p"):
        text = read_line(paragraph, relationships)
        if not text.strip():
            continue
        properties = child(paragraph, "a:pPr")
        level_text = attribute(properties, "lvl")
        level = min(int(level_text), LEVELS - 1) if level_text.isdigit() else 0
        bullet = _find_bullet(properties)
        if bullet is None:
            if level not in inherited:
                inherited[level] = _find_inherited(list_styles, level)
            bullet = inherited[level]
        if bullet is None or name_of(bullet) == "a:buNone":
            numbers.clear()
            yield Element("paragraph", text, page=page)
            continue
        numbers = {deeper: number for deeper, number in numbers.items() if deeper <= level}
        marker = "-"
        if name_of(bullet) == "a:buAutoNum":
            start = attribute(bullet, "startAt")
            numbers[level] = numbers.get(level, (int(start) if start.isdigit() else 1) - 1) + 1
            marker = _format_marker(numbers[level], attribute(bullet, "type"))
        yield Element("item", text, level=level, page=page, marker=marker)


def _find_bullet(properties: XmlElement | None) -> XmlElement | None:
    for node in properties if properties is not None else ():
        if name_of(node) in _BULLETS:
            return node
    return None


def _find_inherited(list_styles: Sequence[XmlElement], level: int) -> XmlElement | None:
    for style in list_styles:
        if (bullet := _find_bullet(child(style, f"a:lvl{level + 1}pPr"))) is not None:
            return bullet
    return None


def _format_marker(number: int, scheme: str) -> str:
    match = _AUTOMATIC.fullmatch(scheme)
    kind, ending = (match[1], match[2] or "") if match else ("", "Period")
    digits = format_number(number, _NUMBER_FORMATS.get(kind, ""))
    return {"ParenBoth": f"({digits})", "ParenR": f"{digits})", "Period": f"{digits}.", "Minus": f"- {digits} -"}.get(
        ending, digits
    )


def read_line(paragraph: XmlElement, relationships: Mapping[str, Relationship]) -> str:
    """Return the text of a paragraph as Markdown, without page numbers and dates that the program fills in."""
    return format_spans(_read_spans(paragraph, relationships)).strip()


def _read_spans(container: Iterable[XmlElement], relationships: Mapping[str, Relationship]) -> Iterator[Span]:
    for node in container:
        name = name_of(node)
        if name == "a:br":
            yield Span("\n")
        elif name == "a:r" or (name == "a:fld" and not attribute(node, "type").startswith(_PAGE_FIELDS)):
            properties = child(node, "a:rPr")
            struck = attribute(properties, "strike") in ("sngStrike", "dblStrike")
            baseline = attribute(properties, "baseline").rstrip("%")
            link = relationships.get(attribute(child(properties, "a:hlinkClick"), "r:id"))
            yield Span(
                "".join(each.text or "" for each in children(node, "a:t")),
                "struck" if struck else "",
                "sub" if baseline.startswith("-") else "super" if baseline.strip("0") else "",
                link.target if link and link.external else "",
            )
        elif name == "mc:AlternateContent":
            equation = next(descendants(node, "m:oMathPara", "m:oMath"), None)
            yield from [Span(format_equation(equation))] if equation is not None else ()
