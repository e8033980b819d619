"""Read the comments of a sheet, and the charts, text boxes and pictures that lie on it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.backends.documents.readers.charts import find_sources, read_chart, read_diagram
from pipeline.backends.documents.readers.ooxml import Relationship, XmlElement, local_name, qualified_attribute
from pipeline.backends.documents.readers.sheets.report import Comment
from pipeline.backends.documents.readers.sheets.workbook import Workbook, read_rich_text, unescape
from pipeline.backends.documents.readers.sheets.worksheet import parse_range
from pipeline.parse import Element

MIN_PICTURE_BYTES = 10_000
"""Smaller pictures are logos and icons and are not reported."""

_SHEET_OF_REFERENCE = re.compile(r"^\(?(?:'((?:[^']|'')+)'|([^'!]+))!")


@dataclass(frozen=True, slots=True)
class Drawing:
    """What lies on a sheet, with the names of its larger pictures."""

    elements: list[Element]
    pictures: list[str]


def read_comments(workbook: Workbook, relationships: dict[str, Relationship]) -> list[Comment]:
    """Read the comments of a sheet; a thread of comments replaces the note that repeats it for older programs."""
    comments: list[Comment] = []
    for relationship in relationships.values():
        if relationship.kind not in ("comments", "threadedComment"):
            continue
        root = workbook.package.parse(relationship.target)
        if root is not None and relationship.kind == "comments":
            comments += _read_notes(root)
        elif root is not None:
            comments += _read_threads(root, workbook)
    return sorted(comments, key=lambda comment: (comment.row, comment.column))


def _read_notes(root: XmlElement) -> Iterator[Comment]:
    authors = [node.text or "" for node in root.iterfind("{*}authors/{*}author")]
    for node in root.iter("{*}comment"):
        number = node.get("authorId", "")
        author = authors[int(number)] if number.isdigit() and int(number) < len(authors) else ""
        content = node.find("{*}text")
        text = read_rich_text(content).strip() if content is not None else ""
        if author.startswith("tc="):  # repeats a thread
            continue
        # Excel writes the author as the first line.
        text = text.removeprefix(f"{author}:").strip()
        yield from _build_comment(node.get("ref", ""), author, text)


def _read_threads(root: XmlElement, workbook: Workbook) -> Iterator[Comment]:
    for node in root.iter("{*}threadedComment"):
        author = workbook.people.get(node.get("personId", ""), "")
        yield from _build_comment(node.get("ref", ""), author, unescape(node.findtext("{*}text") or "").strip())


def _build_comment(reference: str, author: str, text: str) -> Iterator[Comment]:
    position = parse_range(reference)
    if position and text:
        yield Comment(position.top, position.left, author, text)


def read_drawing(workbook: Workbook, part: str, visible: Sequence[str]) -> Drawing:
    """Read a drawing from top to bottom; `visible` are the names of the sheets that are read.

    The data of a chart is left out if it comes from cells of visible sheets, which are read anyway.
    """
    root = workbook.package.parse(part)
    drawing = Drawing([], [])
    if root is None:
        return drawing
    relationships = workbook.package.relationships(part)
    for anchor in sorted(root, key=_position):
        for node in anchor.iter():
            if any(local_name(ancestor) == "Fallback" for ancestor in node.iterancestors()):
                continue
            _read_object(workbook, node, relationships, visible, drawing)
    return drawing


def _position(anchor: XmlElement) -> tuple[int, int]:
    def number(name: str) -> int:
        text = anchor.findtext(f"{{*}}from/{{*}}{name}") or "0"
        return int(text) if text.isdigit() else 0

    return number("row"), number("col")


def _read_object(
    workbook: Workbook,
    node: XmlElement,
    relationships: dict[str, Relationship],
    visible: Sequence[str],
    drawing: Drawing,
) -> None:
    name = local_name(node)
    if name == "txBody":
        paragraphs = ("".join(t.text or "" for t in line.iter("{*}t")).strip() for line in node.iter("{*}p"))
        text = "\n".join(line for line in paragraphs if line)
        drawing.elements.extend([Element("paragraph", text)] if text else [])
        return
    if name == "pic":
        description = next((each.get("descr", "") for each in node.iter("{*}cNvPr")), "")
        drawing.elements.extend([Element("paragraph", description)] if " " in description.strip() else [])
    target = relationships.get(_relation(node, name))
    if target is None or target.external:
        return
    if name == "blip":
        if workbook.package.size_of(target.target) >= MIN_PICTURE_BYTES:
            drawing.pictures.append(target.target)
    elif (root := workbook.package.parse(target.target)) is not None:
        drawing.elements.extend(read_diagram(root) if name == "relIds" else _read_sheet_chart(root, visible))


def _relation(node: XmlElement, name: str) -> str:
    attribute = {"chart": "id", "relIds": "dm", "blip": "embed"}.get(name)
    return qualified_attribute(node, attribute) if attribute else ""


def _read_sheet_chart(root: XmlElement, visible: Sequence[str]) -> list[Element]:
    elements = read_chart(root)
    names = [
        (match[1] or match[2]).replace("''", "'")
        for source in find_sources(root)
        if (match := _SHEET_OF_REFERENCE.match(source))
    ]
    if names and set(names) <= set(visible):
        return [element for element in elements if element.kind != "table"]
    return elements
