"""The `refdesk` command: one module per command group, errors as one sentence, exit codes 0, 1 and 2."""

from __future__ import annotations

import sys

import click
import typer

from cli import ask, docs, doctor, evaluate, ingest, jobs, sql, up, worker
from cli.console import note
from pipeline.errors import RefdeskError

EPILOG = (
    "Start with: refdesk ingest FILE, then refdesk ask 'a question'. More: docs/handbook and refdesk COMMAND --help."
)

app = typer.Typer(
    name="refdesk",
    help="A reference desk for a community's documents: add documents, ask questions, get answers with citations.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

for module in (up, ingest, ask, evaluate, worker, doctor, sql):
    module.register(app)
app.add_typer(docs.app, name="docs")
app.add_typer(jobs.app, name="jobs")


def main() -> None:
    """Run the command; 0 success, 1 failed job or refusal, 2 usage."""
    try:
        result = app(standalone_mode=False)
    except click.UsageError as error:
        error.show()
        sys.exit(2)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        note("stopped; jobs that were submitted go on when a worker runs", "yellow")
        sys.exit(1)
    except RefdeskError as error:
        note(str(error), "red")
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)
    sys.exit(result if isinstance(result, int) else 0)


if __name__ == "__main__":
    main()
