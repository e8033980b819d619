"""What people see: answers and tables on stdout, progress and errors on stderr; JSON alone on stdout when asked for."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(document: Any) -> None:
    """Print one JSON document on stdout."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, numbers: Sequence[str] = ()) -> None:
    """Print a table for people; text from documents and files is shown as it is, never as markup."""
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell(value)) for value in row))
    out.print(table, soft_wrap=False)


def cell(value: Any) -> str:
    """Write one value of a table."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def say(text: str, style: str = "") -> None:
    """Print a line on stdout, as it is."""
    out.print(Text(text), style=style)


def note(text: str, style: str = "dim") -> None:
    """Print a line on stderr, as it is."""
    err.print(Text(text), style=style)
