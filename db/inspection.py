"""Looking into the store as the read-only role: named questions, and any SELECT a person types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from db.engine import Database, first_line
from db.sql import statements
from pipeline.errors import BadInput, UnknownName

PREFIX = "inspect_"


@dataclass(frozen=True, slots=True)
class Table:
    """A result: column names and rows."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


def inspection_names() -> dict[str, str]:
    """Give the named questions with their one-line descriptions."""
    return {
        name.removeprefix(PREFIX): body.splitlines()[0].removeprefix("--").strip()
        for name, body in statements().items()
        if name.startswith(PREFIX)
    }


def inspection_sql(name: str) -> str:
    """Give the text of a named question or raise `UnknownName`."""
    if name not in inspection_names():
        known = ", ".join(inspection_names())
        raise UnknownName(f"There is no named query {name!r}; there are: {known}. Or give a SELECT in quotes.")
    return statements()[PREFIX + name]


def run_inspection(database: Database, sql: str, values: Mapping[str, Any] | None = None) -> Table:
    """Run one read-only statement; raises `BadInput` with the server's own sentence."""
    with database.inspect() as session:
        try:
            # Without values the text goes through as typed: a colon in it is no parameter.
            statement = text(sql) if values is not None else text(sql.replace(":", r"\:"))
            result = session.connection().execute(statement, dict(values or {}))
        except DBAPIError as error:
            raise BadInput(f"PostgreSQL: {first_line(error)}") from error
        return Table(list(result.keys()), [tuple(row) for row in result]) if result.returns_rows else Table([], [])
