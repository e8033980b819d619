"""`refdesk config`: show each setting, its value and where it comes from."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated, Any

import typer

from cli import context as cli_context
from cli.console import json_on_error, print_json, print_note, print_table
from config.setting_sources import list_unknown, list_values


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("config")(config)


@json_on_error()
def config(
    changed: Annotated[bool, typer.Option("--changed", help="Only settings that are set.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> None:
    """Show each setting, its value and where it comes from: the environment, `.env` or the default.

    Secrets are hidden. `.env.example` describes the settings.
    """
    settings = cli_context.start_command()
    values = [value for value in list_values(settings) if not changed or value.source != "default"]
    unknown = list_unknown()
    if as_json:
        document = {
            "settings": list(map(dataclasses.asdict, values)),
            "unknown": list(map(dataclasses.asdict, unknown)),
        }
        print_json(document)
        return
    rows = [
        (
            value.variable,
            _format(value.value),
            value.source,
            "" if value.read_from == value.variable else value.read_from,
        )
        for value in values
    ]
    print_table(("setting", "value", "source", "read from"), rows, optional=("read from",))
    for variable in unknown:
        print_note(variable.explanation, "yellow")


def _format(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)
