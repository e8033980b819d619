"""Decide about rows of cells, from whatever format: whether the first one is a header, and how to show a table."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.parse import format_table

MAX_COMPARED_ROWS = 200
"""Rows that are compared with the first one to find out whether it is a header."""

_VALUE = re.compile(
    r"[-+−~<>≤≥(]?\s*(?:[A-Z]{3}\s|[$€£¥])?\s*\d[\d.,:/'\s_-]*(?:[$€£¥%°‰]|[A-Za-zµ°]{1,4}\d?|[CF])?\)?"
    r"|\d{4}-\d\d-\d\d[T ][\d:.+Z-]+|--?|–|—"
)
_YEAR = re.compile(
    r"(?:19|20)\d\d|\d{4}[-/]\d{1,2}(?:[-/]\d{1,2})?|\d{1,2}\.\d{1,2}\.(?:\d{2,4})?|\d{1,2}/\d{1,2}(?:/\d{2,4})?"
)


def is_value(cell: str) -> bool:
    """Return whether a cell is a number, amount, date, time or dash: what names of columns are not."""
    return len(cell) <= 40 and _VALUE.fullmatch(cell) is not None


def starts_with_header(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the first row names the columns; a single row does not."""
    if len(rows) < 2:
        return False
    first, rest = rows[0], rows[1 : 1 + MAX_COMPARED_ROWS]
    if any(list(row) == list(first) for row in rest):  # a header that is repeated on each page
        return True
    columns = [[row[index] for row in rest if index < len(row) and row[index]] for index in range(len(first))]
    pairs = [(cell, column) for cell, column in zip(first, columns, strict=True) if cell]
    numeric = [(cell, column) for cell, column in pairs if is_value(cell)]
    if any(_is_like_column(cell, column) for cell, column in numeric):
        return False
    if numeric and len(numeric) == len(pairs) and not _are_labels(pairs):
        return False
    if len(pairs) == 2 and _is_mixed([*columns[1], first[1]]):  # settings: a name and a value of any kind
        return False
    # A text that occurs again below itself is a value, not a name.
    return not any(cell in column for cell, column in pairs if not is_value(cell))


def _is_like_column(cell: str, column: Sequence[str]) -> bool:
    """Return whether a value resembles the values below it; years and dates above numbers are names."""
    values = [value for value in column if is_value(value)]
    if not values or 2 * len(values) < len(column):
        return False
    dated = [_YEAR.fullmatch(value) is not None for value in values]
    return _YEAR.fullmatch(cell) is None or 2 * sum(dated) >= len(dated)


def _is_mixed(column: Sequence[str]) -> bool:
    values = sum(map(is_value, column))
    return len(column) > 2 and 0.2 * len(column) < values < len(column) - 1


def _are_labels(pairs: Sequence[tuple[str, Sequence[str]]]) -> bool:
    return all(_YEAR.fullmatch(cell) for cell, _ in pairs)


def build_headless_table(rows: Sequence[Sequence[str]]) -> str:
    """Format rows as a Markdown table whose header is empty, because no row names the columns."""
    width = max(map(len, rows))
    table = format_table([["-"] * width, *rows])
    _, _, body = table.partition("\n")
    return f"|{'  |' * width}\n{body}"
