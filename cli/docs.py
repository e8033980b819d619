"""`refdesk docs`: list, show, delete and rebuild documents."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from cli import context as cli_context
from cli.console import json_on_error, print_json, print_line, print_note, print_table
from cli.ingest import IngestResult, new_job, print_summary, show_progress
from db import blobs, documents, workspace_settings
from pipeline.text.cleaning import escape_undecodable
from pipeline.text.passages import join_headings
from pipeline.text.unread import format_unread

app = typer.Typer(help="List, show, delete and rebuild documents.", no_args_is_help=True, rich_markup_mode=None)

MAX_ID = 2**63 - 1
Workspace = Annotated[str, typer.Option(help="Workspace.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Number = Annotated[
    int, typer.Argument(metavar="ID", min=1, max=MAX_ID, help="ID of the document, from `refdesk docs list`.")
]


@app.command("list")
@json_on_error()
def list_command(
    search: Annotated[str, typer.Argument(help="List only documents with this text in title or source.")] = "",
    workspace: Workspace = "local",
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of rows.")] = 100,
    as_json: Json = False,
) -> None:
    """List the documents, newest first."""
    settings = cli_context.start_command()
    with cli_context.open_context(settings) as context:
        workspace_id = context.workspace(workspace)
        with context.database.tenant(workspace_id) as session:
            summaries = documents.list_documents(session, limit=limit, search=escape_undecodable(search))
            used = blobs.measure(session, workspace_id)
            allowed_mb = workspace_settings.find_library_limit(session, workspace_id, settings.quotas.library_mb)
    if as_json:
        listed = [dataclasses.asdict(document) for document in summaries]
        print_json({"documents": listed, "stored_bytes": used, "allowed_bytes": allowed_mb * blobs.MB})
        return
    if not summaries:
        print_line(
            "The library is empty. Add documents with `refdesk ingest FILE`." if not search else "No document matches."
        )
        return
    rows = [
        (d.id, d.title, d.media_type, d.chunks, d.pages, ", ".join(d.channels or ()), d.updated_at) for d in summaries
    ]
    print_table(
        ("id", "title", "type", "chunks", "pages", "channels", "updated"), rows, numbers=("id", "chunks", "pages")
    )
    print_note(f"{used / blobs.MB:.1f} MB of files" + (f" of {allowed_mb} MB allowed" if allowed_mb else ""))


@app.command("show")
@json_on_error()
def show(document: Number, workspace: Workspace = "local", as_json: Json = False) -> None:
    """Show a document with its chunks."""
    settings = cli_context.start_command()
    with cli_context.open_workspace(settings, workspace) as session:
        summary, chunks = documents.read_document(session, document)
    passages = [
        {
            "chunk": c.id,
            "ordinal": c.ordinal,
            "page": c.page,
            "headings": c.headings,
            "tokens": c.tokens,
            "confidence": c.confidence,
            "text": c.text,
        }
        for c in chunks
    ]
    if as_json:
        print_json(dataclasses.asdict(summary) | {"passages": passages})
        return
    print_line(f"{summary.title} (document {summary.id})", "bold")
    print_line(f"{summary.source}, {summary.media_type}, {summary.chunks} chunks, updated {summary.updated_at}", "dim")
    for part in summary.unread:
        print_line(f"Not read: {format_unread(part)}.", "yellow")
    for passage in passages:
        place = join_headings(passage["headings"])  # type: ignore[arg-type]
        page = f" page {passage['page']}" if passage["page"] else ""
        confidence = passage["confidence"]
        recognised = "" if confidence is None else f", recognised in an image with {confidence:.0%} confidence"
        print_line(f"\n[{passage['ordinal']}]{page} {place} ({passage['tokens']} tokens{recognised})", "dim")
        print_line(str(passage["text"]))


@app.command("delete")
@json_on_error()
def delete(document: Number, workspace: Workspace = "local", as_json: Json = False) -> None:
    """Delete a document. Answers stop using it immediately."""
    settings = cli_context.start_command()
    with cli_context.open_workspace(settings, workspace) as session:
        title = documents.delete_document(session, document)
    if as_json:
        print_json({"id": document, "title": title, "deleted": True})
    else:
        print_line(f"deleted document {document}, {title}")


@app.command("reingest")
@json_on_error()
def reingest(document: Number, workspace: Workspace = "local", as_json: Json = False) -> int:
    """Rebuild a document from its stored bytes; the live version stays in use until then."""
    settings = cli_context.start_command()
    with cli_context.open_context(settings, roles=("ingest",)) as context:
        workspace_id = context.workspace(workspace)
        with context.database.tenant(workspace_id) as session:
            payload = documents.build_reingest_payload(session, document)
        entry = IngestResult(str(payload["source"]))
        entry.job = context.submitter.submit([new_job(context, workspace_id, payload)])[0]
        code = show_progress(context, workspace_id, [entry])
    if as_json:
        print_json({"documents": [entry.as_json()]})
    print_summary([entry])
    return code or int(entry.error is not None)
