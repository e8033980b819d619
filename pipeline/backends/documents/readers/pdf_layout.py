"""Put the spans of a PDF page into reading order: rows, columns and tables.

A page is cut where a strip without text separates two columns of prose; each column is read on its own. Everything else
is read row by row: the cells of a table, and labels with their values, stay in their rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from pipeline.backends.documents.readers.pdf_spans import Span

CELL_GAP = 1.5
"""Width of a gap between cells in font sizes; a narrower one is a space."""
MIN_TABLE_COLUMNS = 3
"""A table without lines is recognised from this number of columns on; one with fewer is read row by row."""
MIN_TABLE_CELLS = 8
"""The number of rows times columns from which on it is a table: 3 × 3 or 2 × 4."""

_MIN_GUTTER = 5.0  # points between columns
_MIN_COLUMN_ROWS = 3
_MAX_DEPTH = 12
_MAX_CANDIDATES = 60
_Interval = tuple[float, float]
_LABEL = re.compile(r"[^:：]{1,40}[:：](?:\s|$)")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_LETTER = re.compile(r"[^\W\d_]")
_WORD = re.compile(r"[^\W\d_]{2,}|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")


@dataclass(slots=True)
class Row:
    """Spans on one line, from left to right, or from right to left for right-to-left scripts."""

    spans: list[Span]
    x0: float
    x1: float
    top: float
    bottom: float
    size: float
    """Font size of most of its characters, in points."""
    bold: bool

    @property
    def text(self) -> str:
        """The text, with tabs at wide gaps."""
        parts = [self.spans[0].text]
        for left, right in pairwise(self.spans):
            gap = max(right.x0 - left.x1, left.x0 - right.x1)
            parts += ["\t" if gap > CELL_GAP * self.size else " ", right.text]
        return "".join(parts)


@dataclass(slots=True)
class Table:
    """A table with its rows of cells."""

    cells: list[list[str]]
    top: float


@dataclass(slots=True)
class Grid:
    """A table whose lines are drawn; its spans have been taken out of the page."""

    cells: list[list[str]]
    x0: float
    x1: float
    top: float


Part = list[Row] | Table
"""A column of rows, or a table."""


def order_page(spans: Sequence[Span], grids: Sequence[Grid] = ()) -> list[Part]:
    """Return the parts of a page in reading order."""
    places = {}
    for grid in grids:  # stands in the order of the page as a line at its top
        place = Span([""], [grid.x0], grid.x0, grid.x1, grid.top, grid.top + 1, 1, bold=False, baseline=grid.top + 1)
        places[id(place)] = grid
        spans = [*spans, place]
    parts: list[Part] = []
    for column in _order_region(build_rows(spans), 0):
        rows: list[Row] = []
        for row in column:
            grid_spans = [span for span in row.spans if id(span) in places]
            if not grid_spans:
                rows.append(row)
                continue
            parts += _find_tables(rows)
            rows = []
            parts += [Table(places[id(span)].cells, span.top) for span in grid_spans]
            rest = [span for span in row.spans if id(span) not in places]
            rows += build_rows(rest)
        parts += _find_tables(rows)
    return parts


def build_rows(spans: Iterable[Span]) -> list[Row]:
    """Group spans into rows by their vertical overlap."""
    groups: list[list[Span]] = []
    reference: Span | None = None
    for span in sorted(spans, key=lambda s: (s.top + s.bottom, s.x0)):
        if reference is not None:
            overlap = min(span.bottom, reference.bottom) - max(span.top, reference.top)
            if overlap > 0.5 * min(span.bottom - span.top, reference.bottom - reference.top):
                groups[-1].append(span)
                if span.size > reference.size:
                    reference = span
                continue
        groups.append([span])
        reference = span
    return [_build_row(group) for group in groups]


def _build_row(spans: list[Span]) -> Row:
    rightward = not _is_right_to_left(spans)
    ordered = sorted(spans, key=lambda span: span.x0 if rightward else -span.x1)
    widest = max(spans, key=lambda span: len(span.chars))
    return Row(
        ordered,
        min(span.x0 for span in spans),
        max(span.x1 for span in spans),
        min(span.top for span in spans),
        max(span.bottom for span in spans),
        widest.size,
        all(span.bold for span in spans),
    )


def _order_region(rows: list[Row], depth: int) -> Iterator[list[Row]]:
    """Yield the columns of a region in reading order."""
    band = _find_columns(rows) if depth < _MAX_DEPTH else None
    if band is None:
        if rows:
            yield rows
        return
    first, last, middle = band
    yield from _order_region(rows[:first], depth + 1)
    spans = [span for row in rows[first:last] for span in row.spans]
    sides = [[s for s in spans if s.x0 + s.x1 < 2 * middle], [s for s in spans if s.x0 + s.x1 >= 2 * middle]]
    if _is_right_to_left(spans):
        sides.reverse()
    for side in sides:
        yield from _order_region(build_rows(side), depth + 1)
    yield from _order_region(rows[last:], depth + 1)


def _is_right_to_left(spans: Iterable[Span]) -> bool:
    """Return whether most letters are of a script that is written from right to left."""
    text = "".join(span.text for span in spans)
    found = len(_RIGHT_TO_LEFT.findall(text))
    return found > 0 and 2 * found > len(_LETTER.findall(text))


def _find_columns(rows: Sequence[Row]) -> tuple[int, int, float] | None:
    """Return the first row, the row after the last one, and the x between two columns of prose, if there are any."""
    seen: set[int] = set()
    best: tuple[int, int, float] | None = None
    most = _MIN_COLUMN_ROWS - 1
    for index, row in enumerate(rows):
        ordered = sorted(row.spans, key=lambda span: span.x0)
        for left, right in pairwise(ordered):
            center = round((left.x1 + right.x0) / 12)
            if right.x0 - left.x1 < _MIN_GUTTER or center in seen or len(seen) > _MAX_CANDIDATES:
                continue
            seen.add(center)
            band = _grow_band(rows, index, left.x1, right.x0)
            both = _count_shared_rows(rows[band[0] : band[1]], band[2])
            if both > most and _are_columns(rows[band[0] : band[1]], band[2]):
                best, most = band, both
    return best


def _grow_band(rows: Sequence[Row], start: int, low: float, high: float) -> tuple[int, int, float]:
    """Extend a gap between two spans over the rows above and below that leave it free."""
    edges = []
    for step in (-1, 1):
        index = start
        while 0 <= index + step < len(rows):
            row = rows[index + step]
            middle = (low + high) / 2
            new_low = max([low, *(s.x1 for s in row.spans if s.x0 + s.x1 < 2 * middle)])
            new_high = min([high, *(s.x0 for s in row.spans if s.x0 + s.x1 >= 2 * middle)])
            if new_high - new_low < _MIN_GUTTER:
                break
            low, high, index = new_low, new_high, index + step
        edges.append(index)
    first, last = _trim(rows, edges[0], edges[1] + 1, (low + high) / 2)
    return first, last, (low + high) / 2


def _trim(rows: Sequence[Row], first: int, last: int, middle: float) -> tuple[int, int]:
    """Leave out rows at the ends that stand apart on one side: a title above, a line below the columns."""

    def has_both(row: Row) -> bool:
        return row.x0 < middle < row.x1

    def is_apart(upper: Row, lower: Row) -> bool:
        return lower.top - upper.bottom > 1.2 * min(upper.size, lower.size)

    shared = [index for index in range(first, last) if has_both(rows[index])]
    for index in range(shared[0], first, -1):
        if is_apart(rows[index - 1], rows[index]):
            first = index
            break
    for index in range(shared[-1] + 1, last):
        if is_apart(rows[index - 1], rows[index]):
            last = index
            break
    return first, last


def _count_shared_rows(rows: Sequence[Row], middle: float) -> int:
    return sum(row.x0 < middle < row.x1 for row in rows)


def _are_columns(rows: Sequence[Row], middle: float) -> bool:
    spans = [span for row in rows for span in row.spans]
    left = [span for span in spans if span.x0 + span.x1 < 2 * middle]
    right = [span for span in spans if span.x0 + span.x1 >= 2 * middle]
    return _is_prose(build_rows(left)) and _is_prose(build_rows(right))


def _is_prose(rows: Sequence[Row]) -> bool:
    """Return whether rows are lines of running text: filled, of several words, and no labels with values."""
    if len(rows) < _MIN_COLUMN_ROWS:
        return False
    widths = sorted(row.x1 - row.x0 for row in rows)
    width = widths[int(0.9 * (len(widths) - 1))]
    filled = sum(row.x1 - row.x0 >= 0.7 * width for row in rows)
    texts = [row.text for row in rows]
    words = sum(len(_WORD.findall(text)) for text in texts)
    labels = sum(_LABEL.match(text) is not None for text in texts)
    return filled >= 0.5 * len(rows) and words >= 3 * len(rows) and labels < 0.4 * len(rows)


def _find_tables(rows: Sequence[Row]) -> list[Part]:
    """Divide the rows of a column into tables and rows in between."""
    parts: list[Part] = []
    loose: list[Row] = []
    index = 0
    while index < len(rows):
        last, columns = _measure_table(rows, index)
        if last - index >= 2 and (last - index) * len(columns) >= MIN_TABLE_CELLS:
            if loose:
                parts.append(loose)
                loose = []
            parts.append(_build_table(rows[index:last], columns))
            index = last
        else:
            loose.append(rows[index])
            index += 1
    return [*parts, loose] if loose else parts


def _measure_table(rows: Sequence[Row], start: int) -> tuple[int, list[_Interval]]:
    """Return the row after the last one whose cells stand in common columns with the row `start`, and the columns."""
    columns: list[_Interval] = []
    last = start
    while last < len(rows):
        row = rows[last]
        if last > start and row.top - rows[last - 1].bottom > 3 * row.size:
            break
        step = 1
        if len(row.spans) == 1 and columns:
            if _is_continuation(row.spans[0], columns):
                last += 1
                continue
            if not row.bold and last + 1 < len(rows):  # a note on the row above
                step, row = 2, rows[last + 1]
        merged = merge_intervals([*columns, *((span.x0, span.x1) for span in row.spans)])
        if len(row.spans) < 2 or len(merged) < max(MIN_TABLE_COLUMNS, len(columns)):
            break
        columns, last = merged, last + step
    return last, columns


def _is_continuation(span: Span, columns: Sequence[_Interval]) -> bool:
    """Return whether a span that stands alone continues a cell, in another column than the first."""
    return any(low - 2 <= span.x0 and span.x1 <= high + 2 for low, high in columns[1:])


def _build_table(rows: Sequence[Row], columns: Sequence[_Interval]) -> Table:
    """Build a table; a row without a first cell that stands closer than usual continues the row above."""
    cells = [_split_cells(row, columns) for row in rows]
    gaps = [lower.top - upper.bottom for upper, lower in pairwise(rows)]
    usual = median([gap for gap, row in zip(gaps, cells[1:], strict=True) if row[0]] or [0.0])
    table = [cells[0]]
    for row, gap in zip(cells[1:], gaps, strict=True):
        if row[0] or gap > 0.6 * usual:
            table.append(row)
        else:
            table[-1] = [f"{above} {below}".strip() for above, below in zip(table[-1], row, strict=True)]
    return Table(table, rows[0].top)


def merge_intervals(intervals: Iterable[_Interval]) -> list[_Interval]:
    """Merge intervals with less than a gutter in between."""
    merged: list[_Interval] = []
    for low, high in sorted(intervals):
        if merged and low - merged[-1][1] < _MIN_GUTTER:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def _split_cells(row: Row, columns: Sequence[_Interval]) -> list[str]:
    cells: list[list[str]] = [[] for _ in columns]
    for span in row.spans:
        cells[sum(span.x0 > high for _, high in columns[:-1])].append(span.text)
    return [" ".join(cell) for cell in cells]
