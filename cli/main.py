"""The `refdesk` command: one module per command group, one-line errors, exit codes 0, 1 and 2.

Only the module of the given command is imported: importing all of them takes longer than most commands run.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any, cast

import typer
from typer.core import TyperGroup
from typer.main import get_group

from cli.console import print_error, print_note
from pipeline.errors import DiskFull, RefdeskError

EPILOG = (
    "Start with: refdesk ingest FILE, then refdesk ask 'a question'. More: docs/handbook and refdesk COMMAND --help."
)
INTERRUPTED = 130
"""Exit code that shells expect after Ctrl-C."""
MODULE_OF_COMMAND = {
    "up": "cli.up",
    "ingest": "cli.ingest",
    "ask": "cli.ask",
    "compare": "cli.compare",
    "evaluate": "cli.evaluate",
    "worker": "cli.worker",
    "migrate": "cli.worker",
    "bot": "cli.bot",
    "exec": "cli.exec",
    "config": "cli.config",
    "metrics": "cli.metrics",
    "doctor": "cli.doctor",
    "sql": "cli.sql",
    "verify": "cli.verify",
    "repair": "cli.verify",
    "backup": "cli.backup",
    "restore": "cli.backup",
    "docs": "cli.docs",
    "jobs": "cli.jobs",
    "gaps": "cli.gaps",
    "export": "cli.transfer",
    "import": "cli.transfer",
    "erase": "cli.erase",
    "profiles": "cli.profiles",
    "models": "cli.models",
}
"""The module of each command, in the order of `refdesk --help`."""


class LazyCommands(Mapping[str, Any]):
    """The commands by name; a command's module is imported when the command is read."""

    def __getitem__(self, name: str) -> Any:
        """Return a command, or a group of commands."""
        module = import_module(MODULE_OF_COMMAND[name])
        loaded = typer.Typer(rich_markup_mode=None)
        if hasattr(module, "register"):
            module.register(loaded)
        else:
            loaded.add_typer(module.app, name=name)
        return get_group(loaded).commands[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(MODULE_OF_COMMAND)

    def __len__(self) -> int:
        """Return the number of commands."""
        return len(MODULE_OF_COMMAND)


class RefdeskCommands(TyperGroup):
    """All commands. Turns results into exit codes and errors into one line on stderr."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = cast("dict[str, Any]", LazyCommands())

    def invoke(self, ctx: Any) -> Any:
        """Run a command and exit with 0 (success), 1 (failed or rejected) or, from typer, 2 (usage)."""
        try:
            code = super().invoke(ctx)
        except RefdeskError as error:
            print_error(str(error))
            code = 1
        except KeyboardInterrupt:
            print_note("stopped", "yellow")
            code = INTERRUPTED
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # the reader of the output has closed it; typer exits silently
            print_error(_explain(error))
            code = 1
        raise typer.Exit(code if isinstance(code, int) else 0)


app = typer.Typer(
    name="refdesk",
    help="A reference desk for a community's documents: add documents, ask questions, get answers with citations.",
    epilog=EPILOG,
    cls=RefdeskCommands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(requested: bool) -> None:
    if requested:
        typer.echo(f"refdesk {version('refdesk')}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version.")
    ] = False,
) -> None:
    """A reference desk for a community's documents: add documents, ask questions, get answers with citations."""


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        # Replace characters that the terminal or pipe cannot encode instead of failing with a traceback.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    app(prog_name="refdesk")


def _explain(error: OSError) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return str(DiskFull())
    reason = error.strerror or type(error).__name__
    return f"{error.filename}: {reason}." if error.filename else f"Operating system error: {reason}."


if __name__ == "__main__":
    main()
