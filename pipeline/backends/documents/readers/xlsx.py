"""Read Excel workbooks: XLSX, XLSM and their templates, also in the strict variant of the format.

Sheets, rows and columns that Excel does not show are left out and reported: they often contain what was not meant for
everybody who gets the file. Rows that a filter hides and folded groups are read.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator

from pipeline.backends.documents.readers.ooxml import Package
from pipeline.backends.documents.readers.sheets.notes import read_comments, read_drawing
from pipeline.backends.documents.readers.sheets.report import build_sheet, describe_hidden, join_names
from pipeline.backends.documents.readers.sheets.workbook import Sheet, Workbook, read_workbook
from pipeline.backends.documents.readers.sheets.worksheet import SheetCells, read_cells
from pipeline.backends.documents.reading import File, NestedReader, Reading
from pipeline.errors import UnreadableFile
from pipeline.parse import Element
from pipeline.types import Unread

MAX_CELLS = 2_000_000
"""Filled cells of a workbook that are read."""


def read_xlsx(file: File, read_nested: NestedReader) -> Reading:  # noqa: ARG001 - reads no nested files
    """Read a workbook sheet by sheet."""
    try:
        workbook = read_workbook(Package(file.content))
    except zipfile.BadZipFile as error:
        raise _build_error(file.name) from error
    if workbook is None or not workbook.sheets:
        raise _build_error(file.name)
    reader = _WorkbookReader(workbook)
    elements: list[Element] = []
    for sheet in reader.visible:
        content = list(reader.read_sheet(sheet))
        elements += [Element("heading", sheet.name, level=1), *content] if content else []
    return Reading(
        elements,
        title=workbook.package.read_title(),
        warnings=reader.list_warnings(),
        unread=list(reader.list_unread()),
    )


def _build_error(name: str) -> UnreadableFile:
    return UnreadableFile(
        f"{name} is damaged: its sheets cannot be read. Open it in Excel, save it again and add the new file."
    )


class _WorkbookReader:
    def __init__(self, workbook: Workbook) -> None:
        self.visible = [sheet for sheet in workbook.sheets if not sheet.hidden]
        self._workbook = workbook
        self._remaining = MAX_CELLS
        self._hidden: list[str] = []
        self._pictures: dict[str, list[str]] = {}
        self._formulas = 0
        self._cut: list[str] = []

    def read_sheet(self, sheet: Sheet) -> Iterator[Element]:
        """Read a sheet: its tables with their comments, then what lies on it."""
        package = self._workbook.package
        relationships = package.relationships(sheet.part)
        cells = read_cells(self._workbook, sheet, relationships, self._remaining)
        self._remaining -= sum(len(row.cells) for row in cells.rows)
        self._note_unread(sheet, cells)
        comments = [
            comment
            for comment in read_comments(self._workbook, relationships)
            if comment.row not in cells.hidden_rows and comment.column not in cells.hidden_columns
        ]
        yield from build_sheet(cells.rows, cells.merges, comments)
        for relationship in relationships.values():
            if relationship.kind == "drawing":
                drawing = read_drawing(self._workbook, relationship.target, [each.name for each in self.visible])
                yield from drawing.elements
                self._pictures.setdefault(sheet.name, []).extend(drawing.pictures)

    def list_warnings(self) -> list[str]:
        """Return the warnings of the sheets that were read."""
        if not self._formulas:
            return []
        some = "1 formula has" if self._formulas == 1 else f"{self._formulas} formulas have"
        fix = "Open the file in a spreadsheet program, save it and add it again."
        return [f"{some} no stored result; the formula itself is shown. {fix}"]

    def list_unread(self) -> Iterator[Unread]:
        """Return what of the workbook was not read."""
        hidden = [sheet.name for sheet in self._workbook.sheets if sheet.hidden]
        if hidden:
            yield Unread("hidden_sheets", len(hidden), len(self._workbook.sheets), join_names(hidden))
        for sentence in self._hidden:
            yield Unread("other", where=sentence)
        if self._cut:
            yield Unread("rows_over_limit", where=join_names(self._cut))
        pictures = {name: count for name, parts in self._pictures.items() if (count := len(set(parts)))}
        if pictures:
            yield Unread("images", sum(pictures.values()), where=join_names(list(pictures)))
        if damaged := self._workbook.package.damaged:
            yield Unread("damaged_parts", len(damaged), where=join_names(damaged))

    def _note_unread(self, sheet: Sheet, cells: SheetCells) -> None:
        if sentence := describe_hidden(sheet.name, len(cells.hidden_rows), len(cells.hidden_columns)):
            self._hidden.append(sentence)
        self._formulas += cells.formulas
        if cells.cut:
            self._cut.append(sheet.name)
