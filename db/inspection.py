"""Read-only queries for operators: named queries, and any SELECT statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from db.engine import Database
from db.logins import READ_TIMEOUT_S
from db.sql import statements
from pipeline.errors import InvalidInput, UnknownName

PREFIX = "inspect_"


@dataclass(frozen=True, slots=True)
class ResultTable:
    """Column names and rows of a result."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


def list_inspections() -> dict[str, str]:
    """Return the named queries with their one-line descriptions."""
    return {
        name.removeprefix(PREFIX): body.splitlines()[0].removeprefix("--").strip()
        for name, body in statements().items()
        if name.startswith(PREFIX)
    }


def read_inspection(name: str) -> str:
    """Return the text of a named query, or raise `UnknownName`."""
    if name not in list_inspections():
        known = ", ".join(list_inspections())
        raise UnknownName(f"There is no named query {name!r}. Use one of {known}, or a SELECT statement in quotes.")
    return statements()[PREFIX + name]


def run_inspection(database: Database, sql: str) -> ResultTable:
    """Run one read-only statement; raise `InvalidInput` with the server's error message.

    It is sent as a prepared statement, of which the server accepts only one: "commit; …" would otherwise leave the
    read-only transaction and its limits.
    """
    with database.inspect() as session:
        connection = session.connection().connection.driver_connection
        if not isinstance(connection, psycopg.Connection):  # pragma: no cover - the engine's only driver
            raise TypeError(type(connection))
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql.encode(), prepare=True)
                if cursor.description is None:
                    return ResultTable([], [])
                return ResultTable([column.name for column in cursor.description], cursor.fetchall())
        except psycopg.errors.QueryCanceled as error:
            raise InvalidInput(
                f"The query was stopped after {READ_TIMEOUT_S} s. Add a condition or a LIMIT, or raise"
                " statement_timeout with SET in psql (`refdesk sql`)."
            ) from error
        except psycopg.errors.InsufficientPrivilege as error:
            raise InvalidInput(
                f"PostgreSQL: {_first_line(error)}. The login for inspection reads the views of the schema inspect,"
                " without texts of documents and answers."
            ) from error
        except psycopg.Error as error:
            raise InvalidInput(f"PostgreSQL: {_first_line(error)}.") from error


def _first_line(error: psycopg.Error) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0]
