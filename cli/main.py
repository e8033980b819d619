"""The `refdesk` command: one module per command group, errors as one sentence, exit codes 0, 1 and 2."""

from __future__ import annotations

import errno
import sys
from importlib.metadata import version
from typing import Annotated, Any

import structlog
import typer
from typer.core import TyperGroup

from cli import ask, bot, compare, docs, doctor, evaluate, ingest, jobs, profiles, sql, up, worker
from cli.console import complain, note
from pipeline.errors import DiskFull, RefdeskError

log = structlog.get_logger(__name__)

EPILOG = (
    "Start with: refdesk ingest FILE, then refdesk ask 'a question'. More: docs/handbook and refdesk COMMAND --help."
)
INTERRUPTED = 130
"""What shells expect of a command that Ctrl-C ended."""


class RefdeskCommands(TyperGroup):
    """All commands; each ends with its exit code, and each error of Refdesk as one sentence on stderr."""

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command; 0 success, 1 failed job or refusal, 2 usage (which typer itself sees to)."""
        try:
            code = super().invoke(ctx)
        except RefdeskError as error:
            complain(str(error))
            code = 1
        except KeyboardInterrupt:
            note("stopped", "yellow")
            code = INTERRUPTED
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # whoever read the output went away; typer ends this quietly
            complain(_explain(error))
            code = 1
        raise typer.Exit(code if isinstance(code, int) else 0)


app = typer.Typer(
    name="refdesk",
    help="A reference desk for a community's documents: add documents, ask questions, get answers with citations.",
    epilog=EPILOG,
    cls=RefdeskCommands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"refdesk {version('refdesk')}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version.")
    ] = False,
) -> None:
    """A reference desk for a community's documents: add documents, ask questions, get answers with citations."""


for module in (up, ingest, ask, compare, evaluate, worker, bot, doctor, sql):
    module.register(app)
app.add_typer(docs.app, name="docs")
app.add_typer(jobs.app, name="jobs")
app.add_typer(profiles.app, name="profiles")


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal or pipe that cannot show a character gets a sign in its place, never a traceback.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    app(prog_name="refdesk")


def _explain(error: OSError) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return str(DiskFull())
    reason = error.strerror or type(error).__name__
    return f"{error.filename}: {reason}." if error.filename else f"The system refuses: {reason}."


if __name__ == "__main__":
    main()
