"""`refdesk ingest`: submit files, folders, links and standard input, and show the progress of each document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cli import context as cli_context
from cli.console import err, json_on_error, print_error, print_json, print_note
from cli.context import CommandContext
from cli.sources import IngestSource, find_sources, read_file
from cli.waiting import wait_for
from db import blobs, job_batches, jobs, workspace_settings
from db.models import Job
from pipeline.errors import BrokerUnavailable, RefdeskError
from pipeline.text.cleaning import escape_undecodable
from pipeline.text.unread import format_unread, format_unread_parts, parse_unread
from pipeline.types import Unread

BATCH = 64
INTERRUPTED = 130
"""Exit code that shells expect after Ctrl-C."""


@dataclass(slots=True)
class IngestResult:
    """The result for one source."""

    source: str
    job: int | None = None
    state: str = "queued"
    id: int | None = None
    title: str = ""
    chunks: int = 0
    error: str | None = None
    unchanged: bool = False
    unread: tuple[Unread, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the result for `--json`."""
        return {
            "id": self.id,
            "source": self.source,
            "title": self.title,
            "job": self.job,
            "state": self.state,
            "chunks": self.chunks,
            "error": self.error,
            "unread": [asdict(part) | {"text": format_unread(part)} for part in self.unread],
        }


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("ingest")(ingest)


def failed_documents(error: RefdeskError, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON result of a command that failed as a whole: one failed entry per argument."""
    entries = [IngestResult(argument, state="failed", error=str(error)) for argument in options["sources"]]
    return {"documents": [entry.as_json() for entry in entries]}


@json_on_error(failed_documents)
def ingest(
    sources: Annotated[list[str], typer.Argument(metavar="PATH|URL|-", help="Files, folders, links, or - for stdin.")],
    wait: Annotated[
        bool,
        typer.Option(
            "--wait/--no-wait", help="Wait until all documents are finished, or return after submitting them."
        ),
    ] = True,
    workspace: Annotated[str, typer.Option(help="Workspace to add the documents to.")] = "local",
    channel: Annotated[
        list[str] | None, typer.Option(help="Restrict the documents to this channel; may be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> int:
    """Add documents to the library.

    Reads PDF, DOCX, PPTX, XLSX, HTML, EPUB, Markdown, text, CSV and JSON in all common encodings. An unchanged file is
    skipped. A changed file becomes a new version, whose unchanged chunks keep their vectors.

    The exit code is 1 if a document failed; the other documents are still added.
    """
    settings = cli_context.start_command()
    with cli_context.open_context(settings, roles=("ingest",) if wait else (), wait=False) as context:
        broker_error = _check_broker(context)
        if wait and broker_error is None:
            context.workers.ensure(("ingest",))
        workspace_id = context.workspace(workspace)
        found_sources = find_sources(sources, max_bytes=int(settings.ingest.max_file_mb * 1_000_000))
        entries = submit_sources(
            context, workspace_id, found_sources, channels=[escape_undecodable(name) for name in channel or ()] or None
        )
        if broker_error is not None:
            print_note(
                f"{broker_error} The submitted documents are stored and are processed when Redis is available again.",
                "yellow",
            )
        code = show_progress(context, workspace_id, entries) if wait and broker_error is None else 0
    if as_json:
        print_json({"documents": [entry.as_json() for entry in entries]})
    print_summary(entries)
    return code or int(any(entry.error for entry in entries) or (wait and broker_error is not None))


def _check_broker(context: CommandContext) -> BrokerUnavailable | None:
    try:
        context.require_broker()
    except BrokerUnavailable as error:
        return error
    return None


def submit_sources(
    context: CommandContext, workspace_id: int, sources: Iterable[IngestSource], *, channels: Sequence[str] | None
) -> list[IngestResult]:
    """Submit the sources in batches; a source that cannot be read fails without affecting others."""
    entries: list[IngestResult] = []
    batch: list[tuple[IngestSource, IngestResult]] = []
    for source in sources:
        entry = IngestResult(source.argument)
        entries.append(entry)
        if source.error is not None:
            entry.state, entry.error = "failed", str(source.error)
            continue
        batch.append((source, entry))
        if len(batch) == BATCH:
            _submit_batch(context, workspace_id, batch, channels)
            batch = []
    _submit_batch(context, workspace_id, batch, channels)
    return entries


def _submit_batch(
    context: CommandContext,
    workspace_id: int,
    batch: Sequence[tuple[IngestSource, IngestResult]],
    channels: Sequence[str] | None,
) -> None:
    payloads: list[tuple[IngestResult, dict[str, Any]]] = []
    small: list[tuple[dict[str, Any], bytes]] = []
    with context.database.tenant(workspace_id) as session:
        limit = workspace_settings.find_library_limit(session, workspace_id, context.settings.quotas.library_mb)
        for source, entry in batch:
            payload: dict[str, Any] = {"source": source.identity, "name": source.name, "channels": channels}
            if source.url is not None:
                payload |= {"url": source.url, "sha256": None}
            else:
                try:
                    content = source.content if source.content is not None else read_file(source.path)  # type: ignore[arg-type]
                    reserved = sum(len(stored) for _, stored in small)
                    blobs.require_room(session, workspace_id, content, limit, reserved=reserved)
                except RefdeskError as error:
                    entry.state, entry.error = "failed", str(error)
                    continue
                if len(content) <= job_batches.MAX_BYTES:
                    small.append((payload, content))
                else:
                    payload["sha256"] = blobs.store(session, workspace_id, content)
            payloads.append((entry, payload))
        hashes = blobs.store_all(session, workspace_id, [content for _, content in small])
    for (payload, _), sha256 in zip(small, hashes, strict=True):
        payload["sha256"] = sha256
    numbers = context.submitter.submit(new_job(context, workspace_id, payload) for _, payload in payloads)
    for (entry, _), number in zip(payloads, numbers, strict=True):
        entry.job = number


def new_job(context: CommandContext, workspace_id: int, payload: dict[str, Any]) -> jobs.NewJob:
    """Return a new ingest job of the current user."""
    return jobs.NewJob(
        workspace_id,
        "ingest",
        payload,
        requester=cli_context.current_user(),
        max_attempts=context.settings.jobs.max_attempts,
    )


def show_progress(context: CommandContext, workspace_id: int, entries: Sequence[IngestResult]) -> int:
    """Show progress until every submitted document is finished; return the exit code."""
    by_job = {entry.job: entry for entry in entries if entry.job is not None}
    if not by_job:
        return 0
    with _progress_bar() as progress:
        bar = progress.add_task("documents", total=len(by_job), doing="")

        def on_jobs(changed: Sequence[Job]) -> None:
            for job in changed:
                entry = by_job[job.id]
                entry.state = job.state
                if job.finished:
                    apply_result(entry, job)
                    print_note(format_result(entry), "red" if entry.error else "yellow" if entry.unread else "")
                    progress.advance(bar)
            progress.update(bar, doing=_format_running([job for job in changed if not job.finished]))

        try:
            wait_for(context, workspace_id, list(by_job), "ingest", on_jobs)
        except RefdeskError as error:
            print_error(str(error))
            return 1
        except KeyboardInterrupt:
            print_note(
                "Stopped waiting. `refdesk up` continues the remaining jobs; `refdesk jobs cancel ID` cancels one.",
                "yellow",
            )
            return INTERRUPTED
    return 0


def _progress_bar() -> Progress:
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


def apply_result(entry: IngestResult, job: Job) -> None:
    """Copy the outcome of a job into its result."""
    result = job.result or {}
    entry.state = job.state
    if job.state == "succeeded":
        entry.id = result.get("document")
        entry.title = result.get("title", "")
        entry.chunks = result.get("chunks", 0)
        entry.unchanged = bool(result.get("unchanged"))
        entry.unread = parse_unread(result.get("unread"))
    else:
        entry.error = job.error or f"The job is {job.state}."


def format_result(entry: IngestResult) -> str:
    """Format the result of one document as one line."""
    if entry.error:
        return f"✗ {entry.source}: {entry.error}"
    unread = f"; {format_unread_parts(entry.unread)}" if entry.unread else ""
    if entry.unchanged:
        return f"= {entry.source}: unchanged, document {entry.id}, {entry.chunks} chunks{unread}"
    return f"{'◐' if unread else '✓'} {entry.source}: document {entry.id}, {entry.chunks} chunks{unread}"


def print_summary(entries: Sequence[IngestResult]) -> None:
    """Print the errors without a job, and the totals."""
    for entry in entries:
        if entry.error and entry.job is None:
            print_error(format_result(entry))
    done = [entry for entry in entries if entry.state == "succeeded"]
    unchanged = sum(1 for entry in done if entry.unchanged)
    failed = sum(1 for entry in entries if entry.error)
    waiting = len(entries) - len(done) - failed
    parts = [f"{len(done) - unchanged} added or updated", f"{unchanged} unchanged", f"{failed} failed"]
    parts += [f"{partial} read in part"] if (partial := sum(1 for entry in done if entry.unread)) else []
    print_note(", ".join(parts) + (f", {waiting} waiting; see `refdesk jobs list`" if waiting else ""))


def _format_running(running: Sequence[Job]) -> str:
    embedding = [job for job in running if job.stage == "embed"]
    if embedding:
        done = sum(job.progress_done for job in embedding)
        return f"embedding, {done} of {sum(job.progress_total for job in embedding)} chunks"
    recognising = next((job for job in running if job.stage == "ocr" and job.progress_total), None)
    if recognising is not None:
        page = f"page {recognising.progress_done + 1:,} of {recognising.progress_total:,}"
        return f"recognising text in {recognising.payload.get('name', '')}: {page}"
    return f"{running[0].stage} {running[0].payload.get('name', '')}" if running else ""
