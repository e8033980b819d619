"""Tables that are drawn with signs or aligned with spaces, which Markdown does not read.

+---------+------------+      Stop         Sat     Sun
| Harbour | High water |      ----------------------
+=========+============+      School       08:52   --
| Sandvig | 05:37      |      Ferry pier   09:05   11:20
+---------+------------+
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.text.markdown import split_row

MOST_LINES = 500
"""Lines of a paragraph that are read as a table; a passage has fewer."""
ROW_SHARE = 0.6
"""Minimum share of the lines with several columns."""

_BARS = str.maketrans("\u2502\u2503\u2551", "|||")
_RULE = re.compile(r"(?=.*[-=\u2500\u2501\u2550]{2})[\s+|:=_\u2500-\u257f-]+")
_GAP = re.compile(r"(?:(?<=[^\s.!?])[ ]{2}|[ ]{3}|[ ]*\t)[ \t]*(?=\S)")


@dataclass(frozen=True, slots=True)
class DrawnRow:
    """A row with its lines as written."""

    lines: tuple[str, ...]
    cells: tuple[tuple[str, str], ...]
    """Header and text of each cell; the header is empty if the table has none."""


@dataclass(frozen=True, slots=True)
class DrawnTable:
    """A drawn table."""

    title: tuple[str, ...]
    """Lines above the header."""
    header: tuple[str, ...]
    """Lines of the header."""
    rows: tuple[DrawnRow, ...]


def read_drawn_table(lines: Sequence[str]) -> DrawnTable | None:
    """Return the table that a paragraph consists of; None if it is no table."""
    if not 2 <= len(lines) <= MOST_LINES:
        return None
    barred = sum("|" in line.translate(_BARS) for line in lines)
    if barred >= 2 and any(_RULE.fullmatch(line) for line in lines):
        return _read_grid(lines)
    return _read_columns(lines)


def _read_grid(lines: Sequence[str]) -> DrawnTable | None:
    groups = [group for group in _split_at_rules(lines) if group]
    has_header = len(groups) == 2 or any("=" in line or "\u2550" in line for line in lines if _RULE.fullmatch(line))
    header, rows = (groups[0], groups[1:]) if has_header else ([], groups)
    if len(rows) == 1:  # no rules between the rows
        rows = [[line] for line in rows[0]]
    names = _join_cells(header)
    return DrawnTable((), tuple(header), tuple(DrawnRow(tuple(row), _pair(names, _join_cells(row))) for row in rows))


def _split_at_rules(lines: Sequence[str]) -> Iterator[list[str]]:
    group: list[str] = []
    for line in lines:
        if _RULE.fullmatch(line):
            yield group
            group = []
        else:
            group.append(line)
    yield group


def _join_cells(lines: Sequence[str]) -> list[str]:
    """Return the cells of a row, whose text may continue on further lines."""
    split = [split_row(line.translate(_BARS)) for line in lines]
    width = max(map(len, split), default=0)
    return [" ".join(cells[n] for cells in split if n < len(cells) and cells[n]) for n in range(width)]


def _pair(names: Sequence[str], cells: Sequence[str]) -> tuple[tuple[str, str], ...]:
    padded = [*names, *[""] * (len(cells) - len(names))]
    return tuple(zip(padded, cells, strict=False))


def _read_columns(lines: Sequence[str]) -> DrawnTable | None:
    split = {n: _split_columns(line) for n, line in enumerate(lines) if not _RULE.fullmatch(line)}
    rows = [n for n, cells in split.items() if len(cells) > 1]
    if len(rows) < 2 or len(rows) < ROW_SHARE * len(split):
        return None
    first = rows[0]
    is_header = bool(_RULE.fullmatch(lines[first + 1])) or not re.search(r"\d", lines[first])
    header, rows = ([first], rows[1:]) if is_header and len(rows) > 1 else ([], rows)
    names = split[first] if header else []
    title = tuple(lines[n].strip() for n in split if n < first)
    return DrawnTable(
        title,
        tuple(lines[n].rstrip() for n in header),
        tuple(DrawnRow((lines[n].rstrip(),), _pair_columns(names, split[n])) for n in split if n >= rows[0]),
    )


def _split_columns(line: str) -> list[tuple[int, str]]:
    """Return the cells of a line with the column in which each starts."""
    text = line.rstrip()
    starts = [
        len(text) - len(text.lstrip()),
        *(gap.end() for gap in _GAP.finditer(text, len(text) - len(text.lstrip()))),
    ]
    return [(start, text[start:end].strip()) for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]


def _pair_columns(names: Sequence[tuple[int, str]], cells: Sequence[tuple[int, str]]) -> tuple[tuple[str, str], ...]:
    if not names or len(names) == len(cells):
        return _pair([name for _, name in names], [cell for _, cell in cells])
    return tuple((min(names, key=lambda name: abs(name[0] - start))[1], cell) for start, cell in cells)
