"""`refdesk export` and `refdesk import`: a library as one file, for backups of single servers and for moving them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import context as cli_context
from cli.archive import QUESTIONS, SETTINGS, ArchivedDocument, ArchiveReader, ArchiveWriter, Manifest
from cli.console import json_on_error, print_json, print_line
from cli.context import CommandContext
from cli.ingest import IngestResult, print_summary, show_progress
from db import blobs, documents, jobs, traces, workspace_settings
from db.engine import Database
from pipeline.errors import InvalidInput, RefdeskError
from pipeline.text.cleaning import escape_undecodable

BATCH = 20
"""Documents that are stored and submitted together."""
Workspace = Annotated[str, typer.Option(help="Workspace.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("export")(export_library)
    app.command("import")(import_library)


@json_on_error()
def export_library(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The archive to write, a zip file.")],
    workspace: Workspace = "local",
    questions: Annotated[bool, typer.Option("--questions", help="Include questions with their answers.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    as_json: Json = False,
) -> None:
    """Write the documents and settings of a workspace into a zip file with their original bytes.

    Only this user can read the file. Questions are for other programs; `refdesk import` does not read them.
    """
    if file.exists() and not force:
        raise InvalidInput(f"{file} exists. Choose another name, or replace it with --force.")
    settings = cli_context.start_command()
    key = escape_undecodable(workspace)
    manifest = Manifest(workspace=key, created_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"))
    with cli_context.open_context(settings) as context:
        workspace_id = context.workspace(workspace)
        with ArchiveWriter(file, manifest) as archive:
            count = write_library(context.database, workspace_id, archive, questions=questions)
    if as_json:
        print_json({"file": str(file), "documents": count, "bytes": file.stat().st_size})
    else:
        print_line(f"Exported {count} documents to {file} ({file.stat().st_size / 1e6:.1f} MB).")


def write_library(database: Database, workspace_id: int, archive: ArchiveWriter, *, questions: bool) -> int:
    """Write a library into an archive as it is now, whatever changes meanwhile; return the number of documents."""
    with database.tenant(workspace_id, snapshot=True) as session:
        listed = documents.list_for_export(session)
        for row in listed:
            archive.add_document(ArchivedDocument(**row), blobs.read(session, workspace_id, row["sha256"]))
        if stored := workspace_settings.export(session, workspace_id):
            archive.add_text(SETTINGS, json.dumps(stored, ensure_ascii=False))
        if questions:
            archive.add_lines(QUESTIONS, traces.iterate_questions(session, workspace_id))
    return len(listed)


@json_on_error()
def import_library(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An archive of `refdesk export`.")],
    workspace: Workspace = "local",
    foreign: Annotated[
        bool, typer.Option("--foreign", help="Accept the archive of another workspace, without its settings.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Add the documents and settings of an archive to a workspace.

    The whole archive is checked before anything is stored. Documents are processed again, with the current embedding
    model; those that exist unchanged are skipped, so that an import can be repeated.
    """
    settings = cli_context.start_command()
    key = escape_undecodable(workspace)
    with ArchiveReader(file, max_file_bytes=int(settings.ingest.max_file_mb * 1_000_000)) as archive:
        if archive.manifest.workspace != key and not foreign:
            raise InvalidInput(
                f"{file} is the library of {archive.manifest.workspace!r}, not of {key!r}. Choose the workspace with"
                " --workspace, or accept it with --foreign; documents of channels then stay limited to those channels."
            )
        with cli_context.open_context(settings, roles=("ingest",)) as context:
            workspace_id, user = context.workspace(workspace), cli_context.current_user()
            if not foreign:
                with context.database.tenant(workspace_id) as session:
                    workspace_settings.replace(session, workspace_id, user, archive.read_settings())
            entries = [IngestResult(document.source) for document in archive.documents]
            pairs = list(zip(archive.documents, entries, strict=True))
            for start in range(0, len(pairs), BATCH):
                _submit(context, workspace_id, archive, pairs[start : start + BATCH])
            code = show_progress(context, workspace_id, entries)
    if as_json:
        print_json({"documents": [entry.as_json() for entry in entries]})
    print_summary(entries)
    return code or int(any(entry.error for entry in entries))


def _submit(
    context: CommandContext,
    workspace_id: int,
    archive: ArchiveReader,
    batch: Sequence[tuple[ArchivedDocument, IngestResult]],
) -> None:
    """Store the bytes of some documents and submit their jobs; one that does not fit fails without the others."""
    submitted: list[tuple[IngestResult, jobs.NewJob]] = []
    with context.database.tenant(workspace_id) as session:
        limit = workspace_settings.find_library_limit(session, workspace_id, context.settings.quotas.library_mb)
        for document, entry in batch:
            content = archive.read_content(document.sha256)
            try:
                blobs.require_room(session, workspace_id, content, limit)
            except RefdeskError as error:
                entry.state, entry.error = "failed", str(error)
                continue
            blobs.store(session, workspace_id, content)
            submitted.append((entry, _build_job(context, workspace_id, document)))
    numbers = context.submitter.submit([job for _, job in submitted])
    for (entry, _), number in zip(submitted, numbers, strict=True):
        entry.job = number


def _build_job(context: CommandContext, workspace_id: int, document: ArchivedDocument) -> jobs.NewJob:
    payload: Mapping[str, Any] = {
        "source": document.source,
        "name": document.name,
        "sha256": document.sha256,
        "media_type": document.media_type,
        "channels": document.channels,
        "origin": document.origin,
    }
    attempts = context.settings.jobs.max_attempts
    return jobs.NewJob(workspace_id, "ingest", payload, requester=document.added_by, max_attempts=attempts)
