"""`refdesk jobs`: the ledger for people."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from cli import context as front_end
from cli.console import one_document, print_json, print_table, say
from db import jobs
from db.models import Job

app = typer.Typer(help="List, explain, cancel and retry jobs.", no_args_is_help=True, rich_markup_mode=None)

MAX_ID = 2**63 - 1
Workspace = Annotated[str, typer.Option(help="Workspace.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Number = Annotated[
    int, typer.Argument(metavar="ID", min=1, max=MAX_ID, help="The job's number, see `refdesk jobs list`.")
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
@one_document()
def list_command(
    state: Annotated[list[StateName] | None, typer.Option(help="Only jobs in this state; may be repeated.")] = None,
    kind: Annotated[KindName | None, typer.Option(help="Only jobs of this kind.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most lines.")] = 20,
    workspace: Workspace = "local",
    as_json: Json = False,
) -> None:
    """List jobs, newest first."""
    settings = front_end.begin()
    with front_end.in_workspace(settings, workspace) as session:
        found = jobs.list_jobs(
            session, states=[name.value for name in state or ()], kind=kind.value if kind else None, limit=limit
        )
    if as_json:
        print_json({"jobs": [job_json(job) for job in found]})
        return
    if not found:
        say("There are no such jobs." if state or kind else "There are no jobs yet.")
        return
    rows = [(j.id, j.kind, j.state, j.stage, j.attempt, about(j)[:60], (j.error or "")[:80]) for j in found]
    print_table(("id", "kind", "state", "stage", "attempt", "about", "error"), rows, numbers=("id", "attempt"))


@app.command("show")
@one_document()
def show(job: Number, workspace: Workspace = "local", as_json: Json = False) -> None:
    """Show a job and everything that happened to it."""
    settings = front_end.begin()
    with front_end.in_workspace(settings, workspace) as session:
        row, why, events = jobs.get(session, job), jobs.explain(session, job), jobs.list_events(session, job)
    happened = [
        {"at": e.at.isoformat(timespec="milliseconds"), "state": e.state, "stage": e.stage, "attempt": e.attempt}
        | {"worker": e.worker, "note": e.note}
        for e in events
    ]
    if as_json:
        print_json(job_json(row) | {"why": why, "payload": row.payload, "result": row.result, "events": happened})
        return
    say(f"job {row.id}: {row.kind} {about(row)}", "bold")
    say(why)
    print_table(("at", "state", "stage", "attempt", "worker", "note"), [tuple(e.values()) for e in happened])


@app.command("why")
@one_document()
def why_command(job: Number, workspace: Workspace = "local", as_json: Json = False) -> None:
    """Say in one sentence why a job is where it is."""
    settings = front_end.begin()
    with front_end.in_workspace(settings, workspace) as session:
        row, why = jobs.get(session, job), jobs.explain(session, job)
    if as_json:
        print_json(job_json(row) | {"why": why})
    else:
        say(f"job {row.id} is {row.state}: {why}")


@app.command("cancel")
@one_document()
def cancel(job: Number, workspace: Workspace = "local", as_json: Json = False) -> None:
    """Cancel a job; one that runs stops at its next batch or stage."""
    settings = front_end.begin()
    with front_end.in_workspace(settings, workspace) as session:
        state = jobs.cancel(session, job)
    if as_json:
        print_json({"id": job, "state": state, "cancel_requested": True})
    else:
        say(f"job {job} is cancelled" if state == "cancelled" else f"job {job} stops at its next batch or stage")


@app.command("retry")
@one_document()
def retry(job: Number, workspace: Workspace = "local", as_json: Json = False) -> None:
    """Try a failed, dead or cancelled job again with all its attempts; lifts the quarantine of its bytes."""
    settings = front_end.begin()
    with front_end.opened(settings) as front:
        with front.database.tenant(front.workspace(workspace)) as session:
            jobs.retry(session, job)
            queue = jobs.get(session, job).queue
        front.submitter.publish([(job, queue)])
    if as_json:
        print_json({"id": job, "state": "queued"})
    else:
        say(f"job {job} is queued again; `refdesk jobs why {job}` tells how it fares")


def about(job: Job) -> str:
    """Say what a job is about."""
    return str(job.payload.get("question") or job.payload.get("name") or "")


def job_json(job: Job) -> dict[str, Any]:
    """Write a job as other programs read it."""
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "stage": job.stage,
        "attempt": job.attempt,
        "about": about(job),
        "error_class": job.error_class,
        "error": job.error,
        "progress": [job.progress_done, job.progress_total],
        "created_at": job.created_at,
        "finished_at": job.finished_at,
    }
