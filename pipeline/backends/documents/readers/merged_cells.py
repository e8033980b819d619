"""Tables with merged cells: repeat the values, and join a header of several rows into one."""

from __future__ import annotations

from collections.abc import Sequence

MAX_SPAN = 100
"""Columns that one cell may span; Word allows 63."""


def join_header_rows(rows: Sequence[Sequence[str]], count: int) -> list[list[str]]:
    """Join the first rows per column into one header: "Season" above "Low" becomes "Season Low"."""
    if count < 2 or count >= len(rows):
        return [list(row) for row in rows]
    width = max(len(row) for row in rows)
    padded = [[*row, *[""] * (width - len(row))] for row in rows[:count]]
    header = [" ".join(dict.fromkeys(filter(None, (row[column] for row in padded)))) for column in range(width)]
    return [header, *(list(row) for row in rows[count:])]
