"""Read the grid of a Word table: merged cells, header rows, controls around rows and cells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pipeline.backends.documents.readers.merged_cells import MAX_SPAN, join_header_rows
from pipeline.backends.documents.readers.ooxml import XmlElement, attribute, child, is_on, name_of, properties_of

_WRAPPERS = frozenset({"w:sdt", "w:sdtContent", "w:customXml", "w:ins", "w:del", "w:moveTo", "w:smartTag"})
MAX_WRAPPERS = 50
"""Wrappers around a row or cell inside each other that are followed."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table."""

    element: XmlElement
    column: int
    span: int
    """Columns that it spans."""
    continues: bool
    """Whether it is part of the merged cell above it."""


@dataclass(slots=True)
class Row:
    """A row of a table."""

    cells: list[Cell] = field(default_factory=list)
    width: int = 0
    is_header: bool = False


def read_rows(table: XmlElement) -> list[Row]:
    """Return the rows of a table with the positions of their cells."""
    return [_read_row(element) for element in _find(table, "w:tr")]


def _find(container: XmlElement, name: str, depth: int = 0) -> Iterator[XmlElement]:
    for element in container:
        found = name_of(element)
        if found == name:
            yield element
        elif found in _WRAPPERS and depth < MAX_WRAPPERS:
            yield from _find(element, name, depth + 1)


def _read_row(element: XmlElement) -> Row:
    properties = child(element, "w:trPr")
    row = Row(is_header=is_on(child(properties, "w:tblHeader")))
    column = _to_span(attribute(child(properties, "w:gridBefore"), "w:val"), 0)
    for cell in _find(element, "w:tc"):
        properties = properties_of(cell, "w:tcPr")
        merge = child(properties, "w:vMerge")
        span = _to_span(attribute(child(properties, "w:gridSpan"), "w:val"), 1)
        row.cells.append(Cell(cell, column, span, merge is not None and attribute(merge, "w:val") != "restart"))
        column += span
    row.width = column + _to_span(attribute(child(properties, "w:gridAfter"), "w:val"), 0)
    return row


def _to_span(text: str, default: int) -> int:
    return min(int(text), MAX_SPAN) if text.isdigit() and len(text) < 6 else default


def read_grid(rows: list[Row], read_cell: Callable[[XmlElement], str]) -> list[list[str]]:
    """Return the texts of the cells; a merged cell repeats its value in each place that it spans.

    A first row that is one merged cell is a caption: its value stays in the first column.
    """
    grid: list[list[str]] = []
    width = max((row.width for row in rows), default=0)
    for row in rows:
        texts = [""] * width
        for cell in row.cells:
            above = grid[-1][cell.column] if cell.continues and grid and cell.column < width else ""
            own = read_cell(cell.element)  # a merged cell may still contain text, which Word shows in some versions
            text = " ".join(filter(None, (above, own)))
            for column in range(cell.column, min(cell.column + cell.span, width)):
                texts[column] = text
        grid.append(texts)
    captions = 0
    while captions < len(rows) and width > 1 and [cell.span for cell in rows[captions].cells] == [width]:
        grid[captions][1:] = [""] * (width - 1)
        captions += 1
    return grid[:captions] + join_header_rows(grid[captions:], _count_header_rows(rows[captions:]))


def _count_header_rows(rows: list[Row]) -> int:
    """Return how many rows form the header: those marked as header, or a row of group names and the row below it."""
    marked = next((number for number, row in enumerate(rows) if not row.is_header), len(rows))
    if marked:
        return marked
    if len(rows) < 3 or not any(cell.span > 1 for cell in rows[0].cells):
        return 1
    merged_down = any(cell.continues for cell in rows[1].cells)
    first = rows[0].cells[0]
    blank_corner = not "".join(str(text) for text in first.element.itertext()).strip()
    splits_groups = len(rows[1].cells) > len(rows[0].cells)
    return 2 if splits_groups and (merged_down or blank_corner) else 1
