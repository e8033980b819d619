"""`refdesk models`: fetch the files of models ahead."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from cli import context as cli_context
from cli.console import json_on_error, print_json, print_line, print_note
from config.cross_encoders import list_used_models, pull_named_model, read_choice
from config.settings import Settings

app = typer.Typer(help="Fetch the files of models ahead.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def models() -> None:
    """Fetch the files of models ahead."""


@app.command()
@json_on_error()
def pull(
    names: Annotated[
        list[str] | None, typer.Argument(help="Names at the hub; without any, the models that the configuration uses.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> None:
    """Download models from the hub, and show where they are and their size.

    Without names these are the local embedding model and the cross-encoder for the language of the documents. A model
    that is already on this machine is only shown. Restart Refdesk afterwards, so that its workers use the new files.
    """
    settings = cli_context.start_command()
    pulled = []
    for name in names or _list_configured(settings):
        print_note(f"{name} …")
        model = pull_named_model(settings, name)
        pulled.append(dataclasses.asdict(model) | {"folder": str(model.folder)})
        if not as_json:
            print_line(f"{model.name}: {model.folder} ({model.megabytes:,.0f} MB)")
    if as_json:
        print_json({"models": pulled})


def _list_configured(settings: Settings) -> list[str]:
    with cli_context.open_context(settings) as context:
        return list_used_models(settings, read_choice(settings, context.database))
