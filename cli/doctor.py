"""`refdesk doctor`: check what is configured, reachable and in use."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from cli import context as cli_context
from cli.bot import check_bot
from cli.console import json_on_error, print_json, print_table
from config.checks import Check, check_servers, check_settings
from config.settings import Settings
from db.schema import migrate
from embedded.servers import open_servers
from pipeline.errors import RefdeskError

MARKS = {"ok": "✓", "note": "·", "problem": "✗"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


@json_on_error()
def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False) -> int:
    """Check settings, servers, models and the bot, and show how to fix each problem."""
    settings = cli_context.start_command()
    checks = [*check_settings(settings), *check_bot(settings), *_servers(settings)]
    problems = [check for check in checks if check.status == "problem"]
    if as_json:
        print_json({"checks": [dataclasses.asdict(check) for check in checks], "problems": len(problems)})
    else:
        print_table(("", "check", "result"), [(MARKS[c.status], c.name, c.detail) for c in checks])
    return 1 if problems else 0


def _servers(settings: Settings) -> list[Check]:
    try:
        with open_servers(settings) as urls:
            if settings.servers.database_url is None:
                migrate(urls.database_url)
            return list(check_servers(settings, urls.database_url, urls.redis_url))
    except RefdeskError as error:
        return [Check("servers", "problem", str(error))]
