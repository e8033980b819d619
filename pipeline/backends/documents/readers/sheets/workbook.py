"""The parts of an Excel workbook that its sheets share: names, strings, styles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline.backends.documents.readers.inline import Span, format_spans
from pipeline.backends.documents.readers.ooxml import Package, Relationship, XmlElement, local_name, qualified_attribute
from pipeline.backends.documents.readers.sheets.cell_formats import BUILT_IN_FORMATS

_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_ON = ("", "1", "true")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet as the workbook lists it."""

    name: str
    part: str
    hidden: bool


@dataclass(frozen=True, slots=True)
class CellStyle:
    """What of the style of a cell changes its text."""

    code: str = ""
    """Number format; empty for General."""
    struck: bool = False


@dataclass(slots=True)
class Workbook:
    """A workbook without the cells of its sheets."""

    package: Package
    sheets: list[Sheet]
    epoch_1904: bool
    strings: list[str] = field(default_factory=list)
    styles: list[CellStyle] = field(default_factory=list)
    people: dict[str, str] = field(default_factory=dict)
    """Names of the authors of threaded comments."""


def read_workbook(package: Package) -> Workbook | None:
    """Read the shared parts of a workbook; None if its main part cannot be read."""
    main = package.find_main_part("xl/workbook.xml")
    root = package.parse(main)
    if root is None:
        return None
    relationships = package.relationships(main)
    properties = root.find("{*}workbookPr")
    epoch_1904 = properties is not None and properties.get("date1904") in ("1", "true")
    workbook = Workbook(package, list(_list_sheets(root, relationships)), epoch_1904)
    parts = {each.kind: each.target for each in relationships.values()}
    if "sharedStrings" in parts:
        workbook.strings = [read_rich_text(item) for item in package.stream(parts["sharedStrings"], "si")]
    if "styles" in parts:
        workbook.styles = _read_styles(package.parse(parts["styles"]))
    if "person" in parts and (people := package.parse(parts["person"])) is not None:
        workbook.people = {str(each.get("id")): each.get("displayName", "") for each in people.iterfind("{*}person")}
    return workbook


def _list_sheets(root: XmlElement, relationships: dict[str, Relationship]) -> Iterator[Sheet]:
    for node in root.iterfind("{*}sheets/{*}sheet"):
        identifier = qualified_attribute(node, "id")
        if identifier in relationships:
            hidden = node.get("state", "visible") in ("hidden", "veryHidden")
            yield Sheet(node.get("name", ""), relationships[identifier].target, hidden)


def read_rich_text(item: XmlElement) -> str:
    """Return the text of a shared or inline string, without the reading aids of East Asian text."""
    if len(item) == 1 and local_name(item[0]) == "t":
        return unescape(item[0].text or "")
    spans = []
    for run in item:
        if local_name(run) == "t":
            spans.append(Span(unescape(run.text or "")))
        elif local_name(run) == "r":
            properties = run.find("{*}rPr")
            raised = properties.find("{*}vertAlign") if properties is not None else None
            position = raised.get("val", "") if raised is not None else ""
            spans.append(
                Span(
                    unescape(run.findtext("{*}t") or ""),
                    "struck" if _is_struck(properties) else "",
                    "super" if position == "superscript" else "sub" if position == "subscript" else "",
                )
            )
    return format_spans(spans)


def unescape(text: str) -> str:
    """Replace the escapes of characters that XML does not allow, for example `_x000D_`."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text) if "_x" in text else text


def _is_struck(properties: XmlElement | None) -> bool:
    strike = properties.find("{*}strike") if properties is not None else None
    return strike is not None and strike.get("val", "") in _ON


def _read_styles(root: XmlElement | None) -> list[CellStyle]:
    if root is None:
        return []
    codes: dict[str, str] = {str(number): code for number, code in BUILT_IN_FORMATS.items()}
    for node in root.iterfind("{*}numFmts/{*}numFmt"):
        codes[node.get("numFmtId", "")] = node.get("formatCode", "")
    struck = [_is_struck(font) for font in root.iterfind("{*}fonts/{*}font")]
    styles = []
    for node in root.iterfind("{*}cellXfs/{*}xf"):
        code = codes.get(node.get("numFmtId", "0"), "")
        font = node.get("fontId", "0")
        is_struck = font.isdigit() and int(font) < len(struck) and struck[int(font)]
        styles.append(CellStyle("" if code.lower() in ("general", "@") else code, is_struck))
    return styles
