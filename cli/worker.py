"""`refdesk worker` and `refdesk migrate`: one role of the system each, for hosts that run several."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from cli import context as front_end
from cli.console import say
from db.schema import inspect_schema, migrate
from embedded.servers import open_servers
from tasks.startup import WorkerStartup, run_worker


class RoleName(StrEnum):
    """The worker roles."""

    query = "query"
    ingest = "ingest"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("worker")(worker)
    app.command("migrate")(migrate_command)


def worker(
    role: Annotated[RoleName, typer.Argument(help="query answers questions; ingest reads and embeds documents.")],
    with_parent: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Run one worker until it is told to stop (Ctrl-C or SIGTERM).

    Questions and documents have workers of their own, so that a flood of uploads never delays a question. More workers,
    on this host or others with the same DATABASE_URL and REDIS_URL, share the work.
    """
    settings = front_end.begin()
    with open_servers(settings) as urls:
        run_worker(WorkerStartup(role.value, settings, urls.database_url, urls.redis_url, with_parent))


def migrate_command(
    revision: Annotated[str, typer.Option(help="Schema version to go to; head is this program's own.")] = "head",
) -> None:
    """Bring the database schema to this program's version.

    `refdesk up` does this by itself; use this one before starting workers by hand. Going back to an older version
    removes what that version did not have.
    """
    settings = front_end.begin()
    with open_servers(settings) as urls:
        migrate(urls.database_url, revision)
        state = inspect_schema(urls.database_url)
    say(f"schema {state.current or 'none'} on PostgreSQL {state.postgres} with pgvector {state.pgvector}")
