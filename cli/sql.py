"""`refdesk sql`: look into everything as the read-only role."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

import typer

from cli import context as front_end
from cli.console import note, one_document, print_json, print_table, say
from db.inspection import list_inspections, read_inspection, run_inspection
from pipeline.errors import MissingExtra
from pipeline.text.cleaning import escape_undecodable


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("sql")(sql)


@one_document()
def sql(
    query: Annotated[str, typer.Argument(metavar='[NAME|"SELECT…"]', help="A named query or a statement.")] = "",
    names: Annotated[bool, typer.Option("--list", help="List the named queries.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> int:
    """Look into the store with SQL, as a role that can only read.

    Without a query this opens psql. The schema `inspect` holds the views made for people: documents, chunks, jobs,
    events, queries, rankings, deliveries, feedback, workers, profiles.
    """
    if names:
        if as_json:
            print_json({"queries": list_inspections()})
        else:
            print_table(("name", "answers"), list_inspections().items())
        return 0
    settings = front_end.begin()
    with front_end.opened(settings) as front:
        if not query:
            return _psql(front.urls.database_url)
        is_statement = any(character.isspace() for character in query.strip())
        table = run_inspection(front.database, escape_undecodable(query) if is_statement else read_inspection(query))
    if as_json:
        print_json({"columns": table.columns, "rows": table.rows})
    elif table.columns:
        print_table(table.columns, table.rows)
        note("1 row" if len(table.rows) == 1 else f"{len(table.rows)} rows")
    else:
        say("done")
    return 0


def _psql(url: str) -> int:
    program = shutil.which("psql") or _packaged_psql()
    if program is None:
        raise MissingExtra("psql is not installed here; install a PostgreSQL client, or give a query in quotes.")
    # The password travels in the environment: arguments are there for everybody to read.
    parts = urlsplit(url)
    user_at_host = parts.netloc
    environment = os.environ | {
        "PGOPTIONS": "-c role=refdesk_read -c default_transaction_read_only=on -c search_path=inspect,public"
    }
    if parts.password:
        environment["PGPASSWORD"] = unquote(parts.password)
        user_at_host = f"{parts.username or ''}@{parts.netloc.rpartition('@')[2]}"
    plain = parts._replace(netloc=user_at_host).geturl()
    return subprocess.run([program, plain], env=environment, check=False).returncode


def _packaged_psql() -> str | None:
    from embedded.programs import find_postgres

    try:
        program = Path(find_postgres().bin()) / "psql"
    except MissingExtra:
        return None
    return str(program) if program.exists() else None
