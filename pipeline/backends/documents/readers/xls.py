"""Read old and binary Excel workbooks: XLS and XLSB.

Hidden sheets are left out and reported, as in other workbooks; of XLS also hidden rows and columns. Dates are
written as ISO dates; number formats are not known.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from pipeline.backends.documents.readers.sheets.cell_formats import format_general
from pipeline.backends.documents.readers.sheets.grid import Merge, Row
from pipeline.backends.documents.readers.sheets.hidden_records import (
    HiddenCells,
    find_hidden_cells,
    is_encrypted,
    read_stream,
)
from pipeline.backends.documents.readers.sheets.report import build_sheet, describe_hidden, join_names
from pipeline.backends.documents.reading import File, NestedReader, Reading
from pipeline.backends.documents.sniffing import XLS
from pipeline.errors import EncryptedFile, UnreadableFile
from pipeline.parse import Element
from pipeline.types import Unread

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

MAX_CELLS = 2_000_000
"""Filled cells of a workbook that are read."""

_YEAR = re.compile(r"(?:19|20)\d\d")
_Value = int | float | str | bool | time | date | datetime | timedelta


def read_xls(file: File, read_nested: NestedReader) -> Reading:  # noqa: ARG001 - reads no nested files
    """Read a workbook sheet by sheet."""
    from python_calamine import SheetVisibleEnum

    hidden_cells = _find_hidden_cells(file) if file.media_type == XLS else []
    workbook = _open(file)
    remaining = MAX_CELLS
    elements: list[Element] = []
    unread: list[Unread] = []
    sheets = workbook.sheets_metadata
    if hidden := [sheet.name for sheet in sheets if sheet.visible != SheetVisibleEnum.Visible]:
        unread.append(Unread("hidden_sheets", len(hidden), len(sheets), join_names(hidden)))
    for number, metadata in enumerate(sheets):
        if metadata.visible != SheetVisibleEnum.Visible:
            continue
        opened = _open_sheet(workbook, number)
        if opened is None:  # damaged, or a chart sheet of XLSB, which calamine does not read
            unread.append(Unread("other", where=f"The sheet {metadata.name} could not be read."))
            continue
        cells = hidden_cells[number] if number < len(hidden_cells) else HiddenCells()
        sheet = _SheetReader(cells, remaining)
        content = list(sheet.read(opened))
        remaining = sheet.remaining
        elements += [Element("heading", metadata.name, level=1), *content] if content else []
        if sentence := describe_hidden(metadata.name, len(sheet.left_out_rows), len(sheet.left_out_columns)):
            unread.append(Unread("other", where=sentence))
        if remaining < 0:
            unread.append(Unread("rows_over_limit", where=metadata.name))
    return Reading(elements, unread=unread)


def _find_hidden_cells(file: File) -> list[HiddenCells]:
    stream = read_stream(file.content)
    if is_encrypted(stream):
        raise EncryptedFile
    return find_hidden_cells(stream)


def _open(file: File) -> CalamineWorkbook:
    from python_calamine import CalamineWorkbook

    try:
        return CalamineWorkbook.from_filelike(io.BytesIO(file.content))
    except BaseException as error:
        if not _is_damage(error):
            raise
        raise UnreadableFile(
            f"{file.name} is damaged: its sheets cannot be read. Open it in Excel, save it again and add the new file."
        ) from error


def _open_sheet(workbook: CalamineWorkbook, number: int) -> CalamineSheet | None:
    try:
        return workbook.get_sheet_by_index(number)
    except BaseException as error:
        if not _is_damage(error):
            raise
        return None


def _is_damage(error: BaseException) -> bool:
    """Return whether calamine could not read the file; its panics on damaged files are not derived from `Exception`."""
    from python_calamine import CalamineError

    return isinstance(error, CalamineError | OSError | ValueError) or type(error).__name__ == "PanicException"


class _SheetReader:
    def __init__(self, hidden: HiddenCells, remaining: int) -> None:
        self.left_out_rows: set[int] = set()
        self.left_out_columns: set[int] = set()
        self.remaining = remaining
        """Filled cells that the limit allows after the sheet."""
        self._hidden = hidden

    def read(self, sheet: CalamineSheet) -> Iterator[Element]:
        """Yield the tables and paragraphs of a sheet."""
        rows: list[Row] = []
        _, left = sheet.start or (0, 0)  # rows are padded up to the start, columns are not
        for number, values in enumerate(sheet.iter_rows()):
            if self.remaining < 0:
                break
            row = self._read_row(number, left, values)
            if row.cells or number in self.left_out_rows:
                rows.append(row)
            self.remaining -= len(row.cells)
        merges = [Merge(*first, *last) for first, last in sheet.merged_cell_ranges or ()]
        return build_sheet(rows, merges, [])

    def _read_row(self, number: int, left: int, values: list[_Value]) -> Row:
        row = Row(number, {})
        for column, value in enumerate(values, left):
            text = _format(value).strip() if value != "" else ""
            if not text:
                continue
            if number in self._hidden.rows:
                self.left_out_rows.add(number)
            elif column in self._hidden.columns:
                self.left_out_columns.add(column)
            else:
                row.cells[column] = text
                row.numeric = row.numeric or not (isinstance(value, str) or _YEAR.fullmatch(text))
        return row


def _format(value: _Value) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return format_general(value)
    if isinstance(value, timedelta):
        return "-" * (value < timedelta()) + _format_time(abs(value))
    if isinstance(value, time):
        return _format_time(timedelta(0, value.second, value.microsecond, 0, value.minute, value.hour))
    if isinstance(value, datetime):
        moment = value + timedelta(milliseconds=500) if value.microsecond >= 500_000 else value  # stored as a float
        return f"{moment.date()} {moment:%H:%M:%S}".removesuffix(":00")
    return str(value)


def _format_time(duration: timedelta) -> str:
    seconds = round(duration.total_seconds())
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}".removesuffix(":00")
