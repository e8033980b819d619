"""Read OpenDocument spreadsheets: ODS and their templates. Their cells contain the text that the sheet shows.

Hidden sheets, rows and columns are left out and reported, as in Excel workbooks; rows behind a filter are read.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline.backends.documents.readers.embedded import EmbeddedFiles, list_unread_parts
from pipeline.backends.documents.readers.inline import Span, format_spans
from pipeline.backends.documents.readers.ooxml import (
    Package,
    XmlElement,
    attribute,
    child,
    children,
    descendants,
    name_of,
)
from pipeline.backends.documents.readers.opendocument.paragraphs import ParagraphReader
from pipeline.backends.documents.readers.opendocument.stories import Document, Story
from pipeline.backends.documents.readers.opendocument.styles import Styles, to_int
from pipeline.backends.documents.readers.sheets.grid import Merge, Row
from pipeline.backends.documents.readers.sheets.report import Comment, build_sheet, describe_hidden, join_names
from pipeline.backends.documents.reading import File, NestedReader, Reading
from pipeline.errors import UnreadableFile
from pipeline.parse import Element
from pipeline.types import Unread

MAX_COLUMNS = 16_384
MAX_REPEATED = 1_000
"""Repetitions of a row or cell with text that are written out."""
MAX_CELLS = 2_000_000
"""Filled cells of a workbook that are read."""

_GROUPS = ("table:table-row-group", "table:table-rows", "table:table-header-rows")
_COLUMN_GROUPS = ("table:table-column-group", "table:table-columns", "table:table-header-columns")
_NUMBERS = ("float", "percentage", "currency", "date", "time", "boolean")
_YEAR = re.compile(r"(?:19|20)\d\d")


@dataclass(slots=True)
class _Sheet:
    rows: list[Row] = field(default_factory=list)
    merges: list[Merge] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    drawn: list[XmlElement] = field(default_factory=list)
    hidden_rows: int = 0
    hidden_columns: set[int] = field(default_factory=set)
    used_hidden_columns: set[int] = field(default_factory=set)
    cells: int = 0
    cut: bool = False


def read_ods(file: File, read_nested: NestedReader) -> Reading:
    """Read a spreadsheet sheet by sheet."""
    try:
        package = Package(file.content)
    except zipfile.BadZipFile:
        package = None
    root = package.parse("content.xml") if package is not None else None
    body = child(root, "office:body", "office:spreadsheet")
    if package is None or root is None or body is None:
        raise UnreadableFile(
            f"{file.name} is damaged: its sheets cannot be read. "
            "Open it in LibreOffice, save it again and add the new file."
        )
    styles = Styles([each for each in (package.parse("styles.xml"), root) if each is not None])
    files = EmbeddedFiles(read_nested, file.depth)
    document = Document(package, styles, files, ParagraphReader(styles, {}, frozenset()))
    elements: list[Element] = []
    unread: list[Unread] = []
    hidden_styles = _find_hidden_styles(root)
    tables = children(body, "table:table")
    hidden = [attribute(t, "table:name") for t in tables if attribute(t, "table:style-name") in hidden_styles]
    if hidden:
        unread.append(Unread("hidden_sheets", len(hidden), len(tables), join_names(hidden)))
    remaining = MAX_CELLS
    for table in tables:
        if attribute(table, "table:style-name") in hidden_styles:
            continue
        name = attribute(table, "table:name")
        sheet = _SheetReader(document, remaining).read(table)
        remaining -= sheet.cells
        content = [*build_sheet(sheet.rows, sheet.merges, sheet.comments), *_read_drawn(document, sheet.drawn)]
        elements += [Element("heading", name, level=1), *content] if content else []
        if sentence := describe_hidden(name, sheet.hidden_rows, len(sheet.used_hidden_columns)):
            unread.append(Unread("other", where=sentence))
        unread += [Unread("rows_over_limit", where=name)] if sheet.cut else []
    unread += [*files.list_unread(), *list_unread_parts(package.damaged, document.hidden_paragraphs)]
    title = next((each.text for each in descendants(package.parse("meta.xml"), "dc:title")), None)
    return Reading(elements, title=title, unread=unread)


def _find_hidden_styles(root: XmlElement) -> set[str]:
    return {
        attribute(style, "style:name")
        for style in descendants(root, "style:style")
        if attribute(child(style, "style:table-properties"), "table:display") == "false"
    }


def _read_drawn(document: Document, drawn: list[XmlElement]) -> Iterator[Element]:
    """Read the text boxes, charts and pictures of a sheet."""
    story = Story(document)
    for shape in drawn:
        wrapper = shape.makeelement("shapes")
        wrapper.append(shape)
        yield from story.read(wrapper)


class _SheetReader:
    def __init__(self, document: Document, max_cells: int) -> None:
        self._document = document
        self._remaining = max_cells
        self._sheet = _Sheet()
        self._number = 0

    def read(self, table: XmlElement) -> _Sheet:
        """Read the cells of a sheet."""
        position = 0
        for column in _list_nested(table, "table:table-column", _COLUMN_GROUPS):
            repeated = to_int(attribute(column, "table:number-columns-repeated"), 1)
            if attribute(column, "table:visibility") == "collapse":
                self._sheet.hidden_columns.update(range(position, min(position + repeated, MAX_COLUMNS)))
            position += repeated
        for shapes in children(table, "table:shapes"):
            self._sheet.drawn += list(shapes)
        for row in _list_nested(table, "table:table-row", _GROUPS):
            if self._remaining < self._sheet.cells:
                self._sheet.cut = True
                break
            self._read_row(row)
        return self._sheet

    def _read_row(self, node: XmlElement) -> None:
        repeated = to_int(attribute(node, "table:number-rows-repeated"), 1)
        row = Row(self._number, {})
        hidden = attribute(node, "table:visibility") == "collapse"
        column = 0
        for cell in node:
            name = name_of(cell)
            if name not in ("table:table-cell", "table:covered-table-cell"):
                continue
            width = to_int(attribute(cell, "table:number-columns-repeated"), 1)
            if name == "table:table-cell" and len(cell):
                self._read_cell(cell, row, column, width, hidden=hidden)
            column += width
        if row.cells and hidden:
            self._sheet.hidden_rows += 1
            self._sheet.rows.append(Row(self._number, {}))
        elif row.cells:
            copies = range(self._number, self._number + min(repeated, MAX_REPEATED))
            self._sheet.rows += [Row(number, dict(row.cells), row.numeric, row.style) for number in copies]
            self._sheet.cells += len(row.cells) * len(copies)
        self._number += repeated

    def _read_cell(self, cell: XmlElement, row: Row, column: int, width: int, *, hidden: bool) -> None:
        lines = [self._document.paragraphs.read(line).text for line in children(cell, "text:p")]
        text = "\n".join(filter(None, lines))
        if column in self._sheet.hidden_columns:
            self._sheet.used_hidden_columns |= {column} if text else set()
            return
        if text:
            self._add_text(cell, row, column, width, text)
        for node in cell if not hidden else ():
            name = name_of(node)
            if name == "office:annotation":
                author = child(node, "dc:creator")
                note = "\n".join(self._document.paragraphs.read(line).text for line in descendants(node, "text:p"))
                by = author.text or "" if author is not None else ""
                self._sheet.comments += [Comment(row.number, column, by, note)] if note.strip() else []
            elif name.startswith("draw:"):
                self._sheet.drawn.append(node)

    def _add_text(self, cell: XmlElement, row: Row, column: int, width: int, text: str) -> None:
        style = attribute(cell, "table:style-name")
        if self._document.styles.text_format("table-cell", style).struck:
            text = format_spans([Span(text, "struck")])
        kind = attribute(cell, "office:value-type")
        row.numeric = row.numeric or (kind in _NUMBERS and not _YEAR.fullmatch(text))
        row.style = row.style if row.cells else hash(style)
        for each in range(column, min(column + min(width, MAX_REPEATED), MAX_COLUMNS)):
            row.cells[each] = text
        right, down = (to_int(attribute(cell, f"table:number-{name}-spanned"), 1) for name in ("columns", "rows"))
        if right > 1 or down > 1:
            self._sheet.merges.append(Merge(row.number, column, row.number + down - 1, column + right - 1))


def _list_nested(table: XmlElement, name: str, groups: tuple[str, ...], depth: int = 0) -> Iterator[XmlElement]:
    """Yield the rows or columns of a table, also those in groups; folded groups count as visible."""
    for node in table:
        if name_of(node) == name:
            yield node
        elif name_of(node) in groups and depth < 20:
            yield from _list_nested(node, name, groups, depth + 1)
