"""`refdesk sql`: query the database with the login for inspection."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from cli import context as cli_context
from cli.console import json_on_error, print_json, print_line, print_note, print_table
from db.engine import Database
from db.inspection import ResultTable, list_inspections, read_inspection, run_inspection
from pipeline.errors import MissingExtra
from pipeline.text.cleaning import escape_undecodable


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("sql")(sql)


@json_on_error()
def sql(
    query: Annotated[str, typer.Argument(metavar='[NAME|"SELECT…"]', help="A named query or a statement.")] = "",
    names: Annotated[bool, typer.Option("--list", help="List the named queries.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> int:
    """Query the database with SQL, read-only.

    Without a query this opens psql. The schema `inspect` has readable views: documents, chunks,
    jobs, events, queries, rankings, spending, deliveries, feedback, gaps, workers and profiles.
    They do not contain texts of documents, answers and Discord tokens.
    """
    if names:
        if as_json:
            print_json({"queries": list_inspections()})
        else:
            print_table(("name", "shows"), list_inspections().items())
        return 0
    settings = cli_context.start_command()
    with cli_context.open_context(settings) as context:
        if not query:
            return _psql(context.database)
        is_statement = any(character.isspace() for character in query.strip())
        table = run_inspection(context.database, escape_undecodable(query) if is_statement else read_inspection(query))
    if as_json:
        print_json({"columns": table.columns, "rows": table.rows})
    else:
        _show(table, is_named=not is_statement)
    return 0


def _show(table: ResultTable, *, is_named: bool) -> None:
    if not table.columns:
        print_line("done")
        return
    # Methods without reasons leave this column of a named query empty. A statement gets all columns that it selects.
    print_table(table.columns, table.rows, optional=("reason",) if is_named else ())
    print_note("1 row" if len(table.rows) == 1 else f"{len(table.rows)} rows")


def _psql(database: Database) -> int:
    program = shutil.which("psql") or _embedded_psql()
    if program is None:
        raise MissingExtra("psql is not installed. Install a PostgreSQL client, or pass a query in quotes.")
    reader = database.describe_reader()
    environment = os.environ | {"PGOPTIONS": " ".join(f"-c {name}={value}" for name, value in reader.settings.items())}
    # Pass the password in the environment: every user of the machine can read arguments.
    if reader.password:
        environment["PGPASSWORD"] = reader.password
    return subprocess.run([program, reader.conninfo], env=environment, check=False).returncode


def _embedded_psql() -> str | None:
    from embedded.programs import find_postgres

    try:
        program = Path(find_postgres().bin()) / "psql"
    except MissingExtra:
        return None
    return str(program) if program.exists() else None
