"""Read the cells of a sheet of an Excel workbook, row by row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from pipeline.backends.documents.readers.inline import Span, format_link, format_spans
from pipeline.backends.documents.readers.ooxml import Relationship, XmlElement, local_name, qualified_attribute
from pipeline.backends.documents.readers.sheets.cell_formats import format_general, format_number, format_text
from pipeline.backends.documents.readers.sheets.grid import Merge, Row
from pipeline.backends.documents.readers.sheets.workbook import CellStyle, Sheet, Workbook, read_rich_text, unescape

MAX_COLUMNS = 16_384
MAX_LINKED_CELLS = 1_000
"""Cells of a range that one link is added to."""

_ON = ("1", "true")
_REFERENCE = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7})(?::\$?([A-Z]{1,3})\$?(\d{1,7}))?", re.IGNORECASE)
_LINK_FORMULA = re.compile(r'HYPERLINK\(\s*"([^"]+)"', re.IGNORECASE)
_ELEMENTS = ("row", "cols", "mergeCell", "hyperlink", "autoFilter")
_YEAR = re.compile(r"(?:19|20)\d\d")
_NO_STYLE = CellStyle()


@dataclass(slots=True)
class SheetCells:
    """The cells of a sheet that it shows, and how many it does not show."""

    rows: list[Row] = field(default_factory=list)
    merges: list[Merge] = field(default_factory=list)
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    formulas: int = 0
    """Formulas without a stored result, which are shown as formulas."""
    cut: bool = False
    """Whether the sheet has more cells than the limit."""


def read_cells(workbook: Workbook, sheet: Sheet, relationships: dict[str, Relationship], max_cells: int) -> SheetCells:
    """Read a sheet up to a number of filled cells.

    Hidden rows and columns are left out. Rows that a filter hides and groups that are folded are read: they were
    hidden for a view of the table, not to keep their content from readers.
    """
    reader = _SheetReader(workbook, max_cells)
    filtered = list(_find_filters(workbook, relationships))
    for element in workbook.package.stream(sheet.part, *_ELEMENTS):
        name = local_name(element)
        if name == "row":
            if not reader.read_row(element):
                break
        elif name == "cols":
            reader.read_columns(element)
        elif name == "mergeCell" and (merge := parse_range(element.get("ref", ""))):
            reader.cells.merges.append(merge)
        elif name == "hyperlink":
            reader.read_link(element, relationships)
        elif name == "autoFilter" and (merge := _read_filter(element)):
            filtered.append(merge)
    return reader.finish(filtered)


def parse_range(reference: str) -> Merge | None:
    """Parse a reference such as "B2" or "B2:D4"."""
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        return None
    left, top = column_number(match[1]), int(match[2]) - 1
    right, bottom = (column_number(match[3]), int(match[4]) - 1) if match[3] else (left, top)
    return Merge(top, left, bottom, right)


@lru_cache(maxsize=MAX_COLUMNS)
def column_number(letters: str) -> int:
    """Return the 0-based number of a column from its letters."""
    number = 0
    for letter in letters.upper():
        number = 26 * number + ord(letter) - ord("A") + 1
    return number - 1


@lru_cache(maxsize=256)
def _local(tag: object) -> str:
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _find_filters(workbook: Workbook, relationships: dict[str, Relationship]) -> Iterator[Merge]:
    for relationship in relationships.values():
        root = workbook.package.parse(relationship.target) if relationship.kind == "table" else None
        node = root.find("{*}autoFilter") if root is not None else None
        if node is not None and (merge := _read_filter(node)):
            yield merge


def _read_filter(node: XmlElement) -> Merge | None:
    """Return the range of a filter that hides rows."""
    return parse_range(node.get("ref", "")) if node.find("{*}filterColumn") is not None else None


class _SheetReader:
    def __init__(self, workbook: Workbook, max_cells: int) -> None:
        self.cells = SheetCells()
        self._workbook = workbook
        self._remaining = max_cells
        self._number = -1
        self._links: list[tuple[Merge, str]] = []
        self._formats: dict[tuple[str, str], str] = {}
        self._columns: dict[str, int] = {}
        self._styles = {str(number): style for number, style in enumerate(workbook.styles)}

    def read_columns(self, node: XmlElement) -> None:
        for column in node:
            hidden = column.get("hidden") in _ON or column.get("width") == "0"
            if hidden and column.get("outlineLevel", "0").strip("0"):
                continue  # a folded group
            first, last = column.get("min", ""), column.get("max", "")
            if hidden and first.isdigit() and last.isdigit():
                self.cells.hidden_columns.update(range(int(first) - 1, min(int(last), MAX_COLUMNS)))

    def read_row(self, node: XmlElement) -> bool:
        """Read a row; return whether the limit allows another one."""
        number = node.get("r", "")
        self._number = int(number) - 1 if number.isdigit() else self._number + 1
        row = Row(self._number, {})
        column = -1
        for cell in node:
            column = self._find_column(cell.get("r") or "", column + 1)
            if len(cell) and (text := self._read_cell(cell, row)) and not text.isspace():
                if not row.cells:
                    row.style = int(cell.get("s") or 0)
                row.cells[column] = text
        if row.cells:
            if (node.get("hidden") in _ON or node.get("ht") == "0") and not node.get("outlineLevel", "0").strip("0"):
                self.cells.hidden_rows.add(self._number)
            self.cells.rows.append(row)
            self._remaining -= len(row.cells)
        self.cells.cut = self._remaining < 0
        return not self.cells.cut

    def _find_column(self, reference: str, following: int) -> int:
        letters = reference.rstrip("0123456789")
        column = self._columns.get(letters)
        if column is None:
            column = column_number(letters) if letters.isalpha() and letters.isascii() else following
            if letters:
                self._columns[letters] = column
        return column

    def read_link(self, node: XmlElement, relationships: dict[str, Relationship]) -> None:
        identifier = qualified_attribute(node, "id")
        merge = parse_range(node.get("ref", ""))
        if merge and identifier in relationships and relationships[identifier].external:
            self._links.append((merge, relationships[identifier].target))

    def finish(self, filtered: list[Merge]) -> SheetCells:
        """Leave out what is hidden and add the links."""
        cells = self.cells
        if filtered:
            cells.hidden_rows = {
                number for number in cells.hidden_rows if not any(m.top <= number <= m.bottom for m in filtered)
            }
        for row in cells.rows if cells.hidden_rows else ():
            if row.number in cells.hidden_rows:
                row.cells = {}
        used: set[int] = set()
        for row in cells.rows if cells.hidden_columns else ():
            used |= row.cells.keys() & cells.hidden_columns
            row.cells = {column: text for column, text in row.cells.items() if column not in cells.hidden_columns}
        cells.hidden_columns = used
        cells.rows.sort(key=lambda row: row.number)
        self._add_links()
        return cells

    def _add_links(self) -> None:
        rows = {row.number: row for row in self.cells.rows} if self._links else {}
        for merge, target in self._links:
            for number in range(merge.top, min(merge.bottom, merge.top + MAX_LINKED_CELLS) + 1):
                if number in rows:
                    cells = rows[number].cells
                    for column in range(merge.left, min(merge.right, merge.left + MAX_LINKED_CELLS) + 1):
                        if column in cells:
                            cells[column] = format_link(cells[column], target)

    def _read_cell(self, cell: XmlElement, row: Row) -> str:
        formula = value = None
        for node in cell:
            name = _local(node.tag)
            if name == "v":
                value = node.text
            elif name == "f":
                formula = node.text or ""
            elif name == "is":
                value = read_rich_text(node)
        kind = cell.get("t") or "n"
        style = self._styles.get(cell.get("s") or "0", _NO_STYLE)
        if value is None or (value == "" and formula and kind != "str"):
            if formula is None:
                return ""
            self.cells.formulas += 1
            return f"={formula}" if formula else ""
        text = self._format(kind, value, style, row)
        if formula and (match := _LINK_FORMULA.match(formula)):
            text = format_link(text, match[1])
        return format_spans([Span(text, "struck")]) if style.struck else text

    def _format(self, kind: str, value: str, style: CellStyle, row: Row) -> str:
        if kind == "s":
            strings = self._workbook.strings
            value = strings[int(value)] if value.isdigit() and int(value) < len(strings) else ""
            return format_text(value, style.code) if "@" in style.code else value
        if kind in ("inlineStr", "str"):
            value = unescape(value) if kind == "str" else value
            return format_text(value, style.code) if "@" in style.code else value
        if not row.numeric:
            row.numeric = kind != "e" and not (_YEAR.fullmatch(value) and not style.code)
        if kind == "n":
            key = (value, style.code)
            shown = self._formats.get(key)
            if shown is None:
                if len(self._formats) > 100_000:
                    self._formats.clear()
                shown = self._formats[key] = self._format_number(value, style.code)
            return shown
        if kind == "b":
            return "TRUE" if value in _ON else "FALSE"
        return value.replace("T00:00:00", "").replace("T", " ") if kind == "d" else value

    def _format_number(self, value: str, code: str) -> str:
        if not code and value.isdigit():
            return value
        try:
            number = float(value)
        except ValueError:
            return value
        return format_number(number, code, epoch_1904=self._workbook.epoch_1904) if code else format_general(number)
