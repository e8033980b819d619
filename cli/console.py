"""Output of commands: results on stdout, progress and errors on stderr; with `--json` one document on stdout."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.errors import RefdeskError

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

WIDE = 10_000
"""Table width if stdout is not a terminal: one line per row, for grep and files."""

_INVISIBLE = (0xAD, 0x61C, 0x200B, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF)
"""Characters that reorder or hide text; the joiners of Persian and Indic spelling are not among them."""
_CONTROLS = {code: "\ufffd" for code in (*range(32), *range(127, 160), *_INVISIBLE) if chr(code) not in "\n\t"}
"""Titles and texts are untrusted: an escape sequence in them must not reach the terminal."""
_JSON_ESCAPES = {code: f"\\u{code:04x}" for code in (*range(127, 160), *_INVISIBLE)}
"""The same in JSON, where control characters below 32 are escaped anyway."""

Parameters = ParamSpec("Parameters")
Code = TypeVar("Code")


def error_document(error: RefdeskError, _options: Mapping[str, Any]) -> dict[str, Any]:
    """Return an error as the JSON document of a command without a result."""
    return {"error": str(error), "error_class": error.name}


def json_on_error(
    when_failed: Callable[[RefdeskError, Mapping[str, Any]], Any] = error_document,
) -> Callable[[Callable[Parameters, Code]], Callable[Parameters, Code]]:
    """Decorate a command so that with `--json` it prints one JSON document even if it fails."""

    def wrap(command: Callable[Parameters, Code]) -> Callable[Parameters, Code]:
        @functools.wraps(command)
        def run(*args: Parameters.args, **options: Parameters.kwargs) -> Code:
            try:
                return command(*args, **options)
            except RefdeskError as error:
                if options.get("as_json"):
                    print_json(when_failed(error, options))
                raise

        return run

    return wrap


def print_json(document: Any) -> None:
    """Print one JSON document on stdout."""
    if sys.stdout is None:
        return
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    text = json.dumps(document, ensure_ascii=not unicode, indent=2, default=_plain).translate(_JSON_ESCAPES)
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode() + "\n")
    sys.stdout.flush()


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, numbers: Sequence[str] = (), optional: Sequence[str] = ()
) -> None:
    """Print a table. Text from documents is printed literally, never as markup.

    Args:
        columns: Column names.
        rows: One value per column.
        numbers: Columns that are aligned to the right.
        optional: Columns that are left out if they are empty in every row.
    """
    rows = list(rows)
    shown = [at for at, name in enumerate(columns) if name not in optional or any(cell(row[at]) for row in rows)]
    columns, rows = [columns[at] for at in shown], [[row[at] for at in shown] for row in rows]
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell(value)) for value in row))
    console = out if out.is_terminal else Console(highlight=False, width=WIDE)
    console.print(table, soft_wrap=False)


def cell(value: Any) -> str:
    """Format one table cell on one line."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return printable(str(value)).replace("\n", " ").replace("\t", " ")


def printable(text: str) -> str:
    """Replace control characters, characters that reorder or hide text, and those that cannot be encoded."""
    return text.translate(_CONTROLS).encode("utf-8", "backslashreplace").decode()


def print_line(text: str, style: str = "") -> None:
    """Print a line on stdout, without markup."""
    out.print(Text(printable(text)), style=style)


def print_note(text: str, style: str = "dim") -> None:
    """Print a line on stderr, without markup."""
    err.print(Text(printable(text)), style=style)


def print_error(text: str) -> None:
    """Print an error on stderr."""
    print_note(text, "red")


def _plain(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
