"""`refdesk exec`: run another program with the URLs of Refdesk's servers in its environment."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from cli import context as cli_context
from embedded.servers import open_servers
from pipeline.errors import SetupError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})(execute)


def execute(command: Annotated[list[str], typer.Argument(help="The program and its arguments.")]) -> int:
    """Run a program with DATABASE_URL and REDIS_URL in its environment.

    The embedded servers run at least as long as the program. Examples: `refdesk exec celery -A tasks.app inspect
    active`, `refdesk exec alembic current`.
    """
    settings = cli_context.start_command()
    program = _find_program(command[0])
    with open_servers(settings) as urls:
        process = subprocess.Popen(
            [program, *command[1:]],
            env=os.environ | {"DATABASE_URL": urls.database_url, "REDIS_URL": urls.redis_url},
        )
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the program, which decides when to end
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        code = process.wait()
        return code if code >= 0 else 128 - code  # as shells report a signal


def _find_program(name: str) -> str:
    # The virtual environment need not be activated.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    if program := shutil.which(name, path=path):
        return program
    raise SetupError(f"The program {name} was not found on the PATH.")
