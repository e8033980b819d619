"""`refdesk jobs`: list, explain, cancel and retry jobs."""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from typing import Annotated, Any

import typer

from cli import context as cli_context
from cli.console import json_on_error, print_json, print_line, print_table
from db import jobs, spending
from db.models import Job
from pipeline.amounts import format_usd

app = typer.Typer(help="List, explain, cancel and retry jobs.", no_args_is_help=True, rich_markup_mode=None)

MAX_ID = 2**63 - 1
Workspace = Annotated[str, typer.Option(help="Workspace.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Number = Annotated[
    int, typer.Argument(metavar="ID", min=1, max=MAX_ID, help="ID of the job, from `refdesk jobs list`.")
]


class StateName(StrEnum):
    """The states of a job."""

    queued = "queued"
    running = "running"
    succeeded = "succeeded"
    failed = "failed"
    cancelled = "cancelled"
    dead = "dead"


class KindName(StrEnum):
    """The kinds of jobs."""

    ingest = "ingest"
    ask = "ask"


@app.command("list")
@json_on_error()
def list_command(
    state: Annotated[list[StateName] | None, typer.Option(help="Only jobs in this state; may be repeated.")] = None,
    kind: Annotated[KindName | None, typer.Option(help="Only jobs of this kind.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of rows.")] = 20,
    workspace: Workspace = "local",
    as_json: Json = False,
) -> None:
    """List jobs, newest first."""
    settings = cli_context.start_command()
    with cli_context.open_workspace(settings, workspace) as session:
        listed = jobs.list_jobs(
            session, states=[name.value for name in state or ()], kind=kind.value if kind else None, limit=limit
        )
    if as_json:
        print_json({"jobs": [job_json(job) for job in listed]})
        return
    if not listed:
        print_line("No job matches." if state or kind else "There are no jobs yet.")
        return
    rows = [(j.id, j.kind, j.state, j.stage, j.attempt, subject_of(j)[:60], (j.error or "")[:80]) for j in listed]
    print_table(("id", "kind", "state", "stage", "attempt", "about", "error"), rows, numbers=("id", "attempt"))


@app.command("show")
@json_on_error()
def show(job: Number, workspace: Workspace = "local", as_json: Json = False) -> None:
    """Show a job with its history."""
    settings = cli_context.start_command()
    with cli_context.open_workspace(settings, workspace) as session:
        row, why, events = jobs.get(session, job), jobs.explain(session, job), jobs.list_events(session, job)
        cost = spending.read_job_cost(session, job)
    happened = [
        {"at": e.at.isoformat(timespec="milliseconds"), "state": e.state, "stage": e.stage, "attempt": e.attempt}
        | {"worker": e.worker, "note": e.note}
        for e in events
    ]
    if as_json:
        document = job_json(row) | {"why": why, "payload": row.payload, "result": row.result, "events": happened}
        print_json(document | dataclasses.asdict(cost))
        return
    print_line(f"job {row.id}: {row.kind} {subject_of(row)}", "bold")
    print_line(why)
    if cost.tokens:
        print_line(f"{cost.tokens:,} tokens, {format_usd(cost.cost_usd)}")
    print_table(("at", "state", "stage", "attempt", "worker", "note"), [tuple(e.values()) for e in happened])


@app.command("why")
@json_on_error()
def why_command(job: Number, workspace: Workspace = "local", as_json: Json = False) -> None:
    """Explain why a job is in its current state."""
    settings = cli_context.start_command()
    with cli_context.open_workspace(settings, workspace) as session:
        row, why = jobs.get(session, job), jobs.explain(session, job)
    if as_json:
        print_json(job_json(row) | {"why": why})
    else:
        print_line(f"job {row.id} is {row.state}: {why}")


@app.command("cancel")
@json_on_error()
def cancel(job: Number, workspace: Workspace = "local", as_json: Json = False) -> None:
    """Cancel a job. A running job stops at its next batch or stage."""
    settings = cli_context.start_command()
    with cli_context.open_workspace(settings, workspace) as session:
        state = jobs.cancel(session, job)
    if as_json:
        print_json({"id": job, "state": state, "cancel_requested": True})
    else:
        print_line(
            f"job {job} is cancelled" if state == "cancelled" else f"job {job} will stop at its next batch or stage"
        )


@app.command("retry")
@json_on_error()
def retry(job: Number, workspace: Workspace = "local", as_json: Json = False) -> None:
    """Retry a failed, dead or cancelled job with all its attempts; releases its content from quarantine."""
    settings = cli_context.start_command()
    with cli_context.open_context(settings) as context:
        with context.database.tenant(context.workspace(workspace)) as session:
            jobs.retry(session, job)
            queue = jobs.get(session, job).queue
        context.submitter.publish([(job, queue)])
    if as_json:
        print_json({"id": job, "state": "queued"})
    else:
        print_line(f"job {job} is queued again; `refdesk jobs why {job}` shows its status")


def subject_of(job: Job) -> str:
    """Return the question or file name of a job."""
    unnamed = "(deleted document)" if job.payload.get("deleted") else ""
    return str(job.payload.get("question") or job.payload.get("name") or unnamed)


def job_json(job: Job) -> dict[str, Any]:
    """Return a job for `--json`."""
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "stage": job.stage,
        "attempt": job.attempt,
        "about": subject_of(job),
        "error_class": job.error_class,
        "error": job.error,
        "progress": [job.progress_done, job.progress_total],
        "created_at": job.created_at,
        "finished_at": job.finished_at,
    }
