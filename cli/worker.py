"""`refdesk worker` and `refdesk migrate`: parts of `refdesk up` for separate hosts."""

from __future__ import annotations

from contextlib import nullcontext
from enum import StrEnum
from typing import Annotated

import typer

from cli import context as cli_context
from cli.console import print_line, print_note
from cli.temporary_workers import receive_urls
from db.schema import inspect_schema, migrate, reset_logins
from embedded.servers import open_servers
from tasks.startup import WorkerStartup, exit_without_waiting, run_worker


class RoleName(StrEnum):
    """The worker roles."""

    query = "query"
    ingest = "ingest"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("worker")(worker)
    app.command("migrate")(migrate_command)


def worker(
    role: Annotated[RoleName, typer.Argument(help="query answers questions; ingest parses and embeds documents.")],
    with_parent: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Run one worker until Ctrl-C or SIGTERM.

    Questions and documents have separate workers, so many uploads never delay a question. Start more workers on this
    host or on others with the same DATABASE_URL and REDIS_URL to share the work.
    """
    settings = cli_context.start_command()
    with nullcontext(receive_urls()) if with_parent else open_servers(settings) as urls:
        if urls is not None:
            monitoring = settings.jobs.celery_monitoring
            run_worker(WorkerStartup(role.value, settings, urls.database_url, urls.redis_url, with_parent, monitoring))
    exit_without_waiting()


def migrate_command(
    revision: Annotated[str, typer.Option(help="Schema revision to migrate to; head is the newest.")] = "head",
) -> None:
    """Migrate the database schema to the version of this program, and set up the logins of the application.

    `refdesk up` does this automatically; run it before starting workers yourself, and again after the password in
    DATABASE_URL has changed. Migrating to an older revision
    deletes what that revision does not have.
    """
    settings = cli_context.start_command()
    with open_servers(settings) as urls:
        migrate(urls.database_url, revision)
        state = inspect_schema(urls.database_url)
        reason = reset_logins(urls.database_url) if state.up_to_date else ""
    print_line(f"schema {state.current or 'none'} on PostgreSQL {state.postgres} with pgvector {state.pgvector}")
    if reason:
        print_note(
            f"Refdesk connects as the owner of the database, without logins with fewer rights. {reason}", "yellow"
        )
