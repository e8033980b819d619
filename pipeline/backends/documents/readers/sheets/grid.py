"""Find the tables of a sheet and build their elements."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from pipeline.backends.documents.readers.merged_cells import join_header_rows
from pipeline.parse import Element, format_table

MAX_TABLE_ROWS = 5_000
"""Rows of one table element; a longer table continues in another one with the same header."""
MAX_SPREAD_CELLS = 1_000_000
"""Cells of a sheet that merged cells are repeated in."""
MAX_EMPTY_CELLS = 200_000
"""Size from which a table with few filled cells is written row by row."""
MAX_HEADER_ROWS = 5
MAX_SPLITS = 8
"""Levels of tables side by side and below each other."""
LONG_NOTE_CHARS = 60
"""A single cell of this length behind a table is a note, not a row."""


@dataclass(slots=True)
class Row:
    """The filled cells of a row, as they are shown."""

    number: int
    """0-based."""
    cells: dict[int, str]
    """By 0-based column; empty for a hidden row."""
    numeric: bool = False
    """Whether it contains a number, a date or a truth value; years may be names of columns and do not count."""
    style: int = 0
    """Style of the first cell, to tell a header from data."""


@dataclass(frozen=True, slots=True)
class Merge:
    """A merged range; all positions are 0-based and inclusive."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of a sheet with its elements."""

    top: int
    bottom: int
    columns: range
    elements: list[Element]


def read_regions(rows: Sequence[Row], merges: Sequence[Merge]) -> Iterator[Region]:
    """Yield the tables and paragraphs of a sheet from top to bottom, then from left to right."""
    budget = [MAX_SPREAD_CELLS]
    ordered = sorted(merges, key=lambda merge: merge.top)
    for part in _split(rows):
        columns = _find_columns(part)
        top, bottom = part[0].number, part[-1].number
        start = bisect_left(ordered, top, key=lambda merge: merge.top)
        end = bisect_left(ordered, bottom + 1, key=lambda merge: merge.top)
        inside = [m for m in ordered[start:end] if columns[0] <= m.left <= columns[-1]]
        elements = list(_build_elements(part, columns, inside, budget))
        yield Region(top, bottom, range(columns[0], columns[-1] + 1), elements)


def build_table(rows: Sequence[Row], merges: Sequence[Merge]) -> list[Element]:
    """Build one table of rows whose extent is known, as on a slide."""
    filled = [row for row in rows if row.cells]
    if not filled:
        return []
    return list(_build_elements(filled, _find_columns(filled), sorted(merges, key=lambda m: m.top), [MAX_SPREAD_CELLS]))


def _find_columns(rows: Iterable[Row]) -> list[int]:
    columns: set[int] = set()
    for row in rows:
        columns.update(row.cells)
    return sorted(columns)


def _split(rows: Sequence[Row], depth: int = 0) -> Iterator[Sequence[Row]]:
    """Split at blank rows, then at blank columns, until neither is left."""
    for run in _join_continued(_split_at_blank_rows(rows)):
        groups = _group_columns(run) if depth < MAX_SPLITS else {}
        if len(set(groups.values())) < 2:
            yield run
            continue
        parts: dict[int, list[Row]] = {}
        for row in run:
            by_group: dict[int, dict[int, str]] = {}
            for column, text in row.cells.items():
                by_group.setdefault(groups[column], {})[column] = text
            for group, cells in by_group.items():
                parts.setdefault(group, []).append(replace(row, cells=cells))
        for _, part in sorted(parts.items()):
            yield from _split(part, depth + 1)


def _split_at_blank_rows(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Split where row numbers are missing; rows without cells are hidden ones, which separate nothing."""
    run: list[Row] = []
    last = -1
    for row in rows:
        if run and row.number > last + 1:
            yield run
            run = []
        last = row.number
        if row.cells:
            run.append(row)
    if run:
        yield run


def _join_continued(runs: Iterable[list[Row]]) -> Iterator[list[Row]]:
    """Join a run to the one above it if it has no header: a blank row within a table."""
    current: list[Row] = []
    for run in runs:
        if current and _continues(current, run):
            current += run
            continue
        if current:
            yield current
        current = run
    if current:
        yield current


def _continues(table: Sequence[Row], run: Sequence[Row]) -> bool:
    header = next((row for row in table if len(row.cells) > 1), None)
    first = run[0]
    if (
        header is None
        or len(first.cells) < 2
        or not set(_find_columns(run)) <= set(_find_columns(table[-3:])) | set(header.cells)
    ):
        return False
    if first.numeric:
        return True
    body = table[-1]
    return body is not header and header.style != body.style and first.style == body.style


@dataclass(slots=True)
class _Columns:
    """Adjacent columns of a run of rows."""

    columns: list[int]
    first: int
    last: int
    names: set[str]
    """The first text of each column."""


def _group_columns(rows: Sequence[Row]) -> dict[int, int]:
    """Return the number of the table that each column belongs to."""
    groups: list[_Columns] = []
    for part in _find_adjacent_columns(rows):
        if groups and not _is_gap(groups[-1], part):
            left = groups[-1]
            left.columns += part.columns
            left.first, left.last = min(left.first, part.first), max(left.last, part.last)
            left.names |= part.names
        else:
            groups.append(part)
    return {column: number for number, group in enumerate(groups) for column in group.columns}


def _find_adjacent_columns(rows: Sequence[Row]) -> list[_Columns]:
    extents: dict[int, list[int]] = {}
    names: dict[int, str] = {}
    for row in rows:
        for column, text in row.cells.items():
            if column in extents:
                extents[column][1] = row.number
            else:
                extents[column], names[column] = [row.number, row.number], text
    parts: list[_Columns] = []
    for column in sorted(extents):
        first, last = extents[column]
        if parts and parts[-1].columns[-1] == column - 1:
            part = parts[-1]
            part.columns.append(column)
            part.first, part.last = min(part.first, first), max(part.last, last)
            part.names.add(names[column])
        else:
            parts.append(_Columns([column], first, last, {names[column]}))
    return parts


def _is_gap(left: _Columns, right: _Columns) -> bool:
    """Return whether blank columns separate two tables rather than the columns of one."""
    if len(left.columns) < 2 or len(right.columns) < 2:
        return False
    if right.columns[0] > left.columns[-1] + 2:
        return True
    return (left.first, left.last) != (right.first, right.last) or bool(left.names & right.names)


def _build_elements(
    rows: Sequence[Row], columns: Sequence[int], merges: Sequence[Merge], budget: list[int]
) -> Iterator[Element]:
    start, end = 0, len(rows)
    if len(columns) > 1:
        while start < end and len(rows[start].cells) == 1:
            yield Element("paragraph", next(iter(rows[start].cells.values())))
            start += 1
        while end - start > 1 and _is_note(rows[end - 1], merges):
            end -= 1
    body = rows[start:end]
    if len(columns) < 2 or len(body) < 2 or _is_scattered(body, columns):
        for row in body:
            yield Element("paragraph", "\t".join(row.cells[column] for column in sorted(row.cells)))
    else:
        header_rows = _count_header_rows(body, merges)
        _spread(body, columns, merges, budget)
        yield from _build_tables(body, columns, header_rows)
    for row in rows[end:]:
        yield Element("paragraph", next(iter(row.cells.values())))


def _is_scattered(rows: Sequence[Row], columns: Sequence[int]) -> bool:
    """Return whether a table would consist almost only of empty cells, too many to write out."""
    size = len(rows) * len(columns)
    return size > MAX_EMPTY_CELLS and size > 50 * sum(len(row.cells) for row in rows)


def _is_note(row: Row, merges: Sequence[Merge]) -> bool:
    if len(row.cells) != 1:
        return False
    column, text = next(iter(row.cells.items()))
    return len(text) >= LONG_NOTE_CHARS or any(
        merge.top == row.number and merge.left == column and merge.right > column for merge in merges
    )


def _count_header_rows(rows: Sequence[Row], merges: Sequence[Merge]) -> int:
    """Count the rows of the header: cells merged over several rows, and names below a cell merged over columns."""
    top = rows[: 2 * MAX_HEADER_ROWS]
    first = last = top[0].number
    while last - first < MAX_HEADER_ROWS:
        inside = [merge for merge in merges if first <= merge.top <= last]
        bottom = max((merge.bottom for merge in inside), default=last)
        wide = [merge for merge in inside if merge.right > merge.left and merge.bottom == last]
        above, following = (next((row for row in top if row.number == number), None) for number in (last, last + 1))
        if bottom > last:
            last = bottom
        elif following is not None and _names_columns(following, above, wide):
            last += 1
        else:
            break
    count = sum(row.number <= last for row in top)
    return count if last - first < MAX_HEADER_ROWS and count < len(rows) else 1


def _names_columns(row: Row, above: Row | None, wide: Sequence[Merge]) -> bool:
    """Return whether a row names columns below merged cells; next to them, the row above or this one is blank."""
    filled = above.cells if above is not None else {}
    outside = [c for c in row.cells if c in filled and not any(merge.left <= c <= merge.right for merge in wide)]
    return not outside and any(_is_subdivided(merge, row) for merge in wide)


def _is_subdivided(merge: Merge, row: Row) -> bool:
    """Return whether the row below a merged cell names its columns."""
    below = [row.cells[column] for column in range(merge.left, merge.right + 1) if column in row.cells]
    return len(below) > 1 and all(not text[:1].isdigit() or _is_year(text) for text in below)


def _is_year(text: str) -> bool:
    return len(text) == 4 and text.isdigit() and text[:2] in ("19", "20")


def _spread(rows: Sequence[Row], columns: Sequence[int], merges: Sequence[Merge], budget: list[int]) -> None:
    """Repeat the value of each merged cell in the cells that it spans and that the table has."""
    numbers = [row.number for row in rows]
    for merge in merges:
        spanned = rows[bisect_left(numbers, merge.top) : bisect_left(numbers, merge.bottom + 1)]
        inside = columns[bisect_left(columns, merge.left) : bisect_left(columns, merge.right + 1)]
        text = spanned[0].cells.get(merge.left, "") if spanned and spanned[0].number == merge.top else ""
        budget[0] -= len(spanned) * len(inside)
        if budget[0] < 0:
            return
        for row in spanned if text else ():
            for column in inside:
                row.cells.setdefault(column, text)


def _build_tables(rows: Sequence[Row], columns: Sequence[int], header_rows: int) -> Iterator[Element]:
    def to_list(row: Row) -> list[str]:
        return [row.cells.get(column, "") for column in columns]

    header = join_header_rows([*map(to_list, rows[:header_rows]), []], header_rows)[0]
    for start in range(header_rows, len(rows), MAX_TABLE_ROWS):
        yield Element("table", format_table([header, *map(to_list, rows[start : start + MAX_TABLE_ROWS])]))
