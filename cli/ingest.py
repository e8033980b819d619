"""`refdesk ingest`: submit files, folders, links and standard input, and show how each document fares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cli import context as front_end
from cli.console import complain, err, note, one_document, print_json
from cli.context import CommandContext
from cli.sources import IngestSource, find_sources, read_file
from cli.waiting import wait_for
from db import blobs, jobs
from db.models import Job
from pipeline.errors import BrokerUnavailable, RefdeskError
from pipeline.text.cleaning import escape_undecodable

BATCH = 50
INTERRUPTED = 130
"""What shells expect of a command that Ctrl-C ended."""


@dataclass(slots=True)
class IngestResult:
    """One line of the result."""

    source: str
    job: int | None = None
    state: str = "queued"
    id: int | None = None
    title: str = ""
    chunks: int = 0
    error: str | None = None
    unchanged: bool = False

    def as_json(self) -> dict[str, Any]:
        """Write the entry as other programs read it."""
        return {
            "id": self.id,
            "source": self.source,
            "title": self.title,
            "job": self.job,
            "state": self.state,
            "chunks": self.chunks,
            "error": self.error,
        }


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("ingest")(ingest)


def refused(error: RefdeskError, options: Mapping[str, Any]) -> dict[str, Any]:
    """Write the result of an ingestion that was refused as a whole: one entry for each thing named."""
    entries = [IngestResult(given, state="failed", error=str(error)) for given in options["sources"]]
    return {"documents": [entry.as_json() for entry in entries]}


@one_document(refused)
def ingest(
    sources: Annotated[list[str], typer.Argument(metavar="PATH|URL|-", help="Files, folders, links, or - for stdin.")],
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Stay until all have ended, or leave them to `refdesk up`.")
    ] = True,
    workspace: Annotated[str, typer.Option(help="Workspace that gets the documents.")] = "local",
    channel: Annotated[list[str] | None, typer.Option(help="Only this channel may see them; may be repeated.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> int:
    """Add documents to the library.

    PDF, DOCX, PPTX, XLSX, HTML, EPUB, Markdown, text, CSV and JSON in any encoding. The same bytes again change
    nothing; a changed file becomes a new version, and unchanged passages keep their vectors.

    Ends with 1 when a document failed; the others are in the library all the same.
    """
    settings = front_end.begin()
    with front_end.opened(settings) as front:
        away = _broker_away(front)
        if wait and away is None:
            front.workers.ensure(("ingest",))
        workspace_id = front.workspace(workspace)
        found = find_sources(sources, max_bytes=int(settings.ingest.max_file_mb * 1_000_000))
        entries = submit_sources(
            front, workspace_id, found, channels=[escape_undecodable(name) for name in channel or ()] or None
        )
        if away is not None:
            note(f"{away} What was submitted is safe in the ledger and is read once Redis is back.", "yellow")
        code = follow(front, workspace_id, entries) if wait and away is None else 0
    if as_json:
        print_json({"documents": [entry.as_json() for entry in entries]})
    summarise(entries)
    return code or int(any(entry.error for entry in entries) or (wait and away is not None))


def _broker_away(front: CommandContext) -> BrokerUnavailable | None:
    try:
        front.require_broker()
    except BrokerUnavailable as error:
        return error
    return None


def submit_sources(
    front: CommandContext, workspace_id: int, found: Iterable[IngestSource], *, channels: Sequence[str] | None
) -> list[IngestResult]:
    """Submit what was found; one that cannot be read fails alone."""
    entries: list[IngestResult] = []
    batch: list[tuple[IngestSource, IngestResult]] = []
    for named in found:
        entry = IngestResult(named.given)
        entries.append(entry)
        if named.error is not None:
            entry.state, entry.error = "failed", str(named.error)
            continue
        batch.append((named, entry))
        if len(batch) == BATCH:
            _submit_batch(front, workspace_id, batch, channels)
            batch = []
    _submit_batch(front, workspace_id, batch, channels)
    return entries


def _submit_batch(
    front: CommandContext,
    workspace_id: int,
    batch: Sequence[tuple[IngestSource, IngestResult]],
    channels: Sequence[str] | None,
) -> None:
    ready: list[tuple[IngestResult, jobs.NewJob]] = []
    with front.database.tenant(workspace_id) as session:
        for named, entry in batch:
            payload: dict[str, Any] = {"source": named.identity, "name": named.name, "channels": channels}
            if named.url is not None:
                payload |= {"url": named.url, "sha256": None}
            else:
                try:
                    content = named.content if named.content is not None else read_file(named.path)  # type: ignore[arg-type]
                except RefdeskError as error:
                    entry.state, entry.error = "failed", str(error)
                    continue
                payload["sha256"] = blobs.store(session, workspace_id, content)
            ready.append((entry, new_job(front, workspace_id, payload)))
    numbers = front.submitter.submit(job for _, job in ready)
    for (entry, _), number in zip(ready, numbers, strict=True):
        entry.job = number


def new_job(front: CommandContext, workspace_id: int, payload: dict[str, Any]) -> jobs.NewJob:
    """Describe an ingest job of the person at the command line."""
    return jobs.NewJob(
        workspace_id, "ingest", payload, requester=front_end.requester(), max_attempts=front.settings.jobs.max_attempts
    )


def follow(front: CommandContext, workspace_id: int, entries: Sequence[IngestResult]) -> int:
    """Show progress until every submitted document has ended; gives the exit code of what cut the waiting short."""
    by_job = {entry.job: entry for entry in entries if entry.job is not None}
    if not by_job:
        return 0
    with _progress() as progress:
        bar = progress.add_task("documents", total=len(by_job), doing="")

        def on_jobs(seen: Sequence[Job]) -> None:
            for job in seen:
                entry = by_job[job.id]
                entry.state = job.state
                if job.finished:
                    take_result(entry, job)
                    note(describe(entry), "red" if entry.error else "")
                    progress.advance(bar)
            progress.update(bar, doing=_doing([job for job in seen if not job.finished]))

        try:
            wait_for(front, workspace_id, list(by_job), "ingest", on_jobs)
        except RefdeskError as error:
            complain(str(error))
            return 1
        except KeyboardInterrupt:
            note("stopped waiting; `refdesk up` goes on with the rest, `refdesk jobs cancel` drops one", "yellow")
            return INTERRUPTED
    return 0


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f} documents"),
        BarColumn(),
        TextColumn("{task.fields[doing]}", markup=False),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )


def take_result(entry: IngestResult, job: Job) -> None:
    """Copy how a job ended into its line."""
    result = job.result or {}
    entry.state = job.state
    if job.state == "succeeded":
        entry.id = result.get("document")
        entry.title = result.get("title", "")
        entry.chunks = result.get("chunks", 0)
        entry.unchanged = bool(result.get("unchanged"))
    else:
        entry.error = job.error or f"The job was {job.state}."


def describe(entry: IngestResult) -> str:
    """Write one line about a document for people."""
    if entry.error:
        return f"✗ {entry.source}: {entry.error}"
    if entry.unchanged:
        return f"= {entry.source}: unchanged, document {entry.id}, {entry.chunks} chunks"
    return f"✓ {entry.source}: document {entry.id}, {entry.chunks} chunks"


def summarise(entries: Sequence[IngestResult]) -> None:
    """End with one line that counts."""
    for entry in entries:
        if entry.error and entry.job is None:
            complain(describe(entry))
    done = [entry for entry in entries if entry.state == "succeeded"]
    unchanged = sum(1 for entry in done if entry.unchanged)
    failed = sum(1 for entry in entries if entry.error)
    waiting = len(entries) - len(done) - failed
    parts = [f"{len(done) - unchanged} added or renewed", f"{unchanged} unchanged", f"{failed} failed"]
    note(", ".join(parts) + (f", {waiting} waiting; follow them with `refdesk jobs list`" if waiting else ""))


def _doing(running: Sequence[Job]) -> str:
    embedding = [job for job in running if job.stage == "embed"]
    if embedding:
        done = sum(job.progress_done for job in embedding)
        return f"embedding, {done} of {sum(job.progress_total for job in embedding)} chunks"
    return f"{running[0].stage} {running[0].payload.get('name', '')}" if running else ""
