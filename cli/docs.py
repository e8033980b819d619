"""`refdesk docs`: what is in the library."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from cli import context as front_end
from cli.console import one_document, print_json, print_table, say
from cli.ingest import IngestResult, follow, new_job, summarise
from db import documents
from pipeline.text.cleaning import escape_undecodable
from pipeline.text.passages import join_headings

app = typer.Typer(help="List, show, delete and rebuild documents.", no_args_is_help=True, rich_markup_mode=None)

MAX_ID = 2**63 - 1
Workspace = Annotated[str, typer.Option(help="Workspace.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Number = Annotated[
    int, typer.Argument(metavar="ID", min=1, max=MAX_ID, help="The document's number, see `refdesk docs list`.")
]


@app.command("list")
@one_document()
def list_command(
    search: Annotated[str, typer.Argument(help="Only documents with this in title or source.")] = "",
    workspace: Workspace = "local",
    limit: Annotated[int, typer.Option(min=1, help="Most lines.")] = 100,
    as_json: Json = False,
) -> None:
    """List the documents that answer, newest first."""
    settings = front_end.begin()
    with front_end.in_workspace(settings, workspace) as session:
        found = documents.list_documents(session, limit=limit, search=escape_undecodable(search))
    if as_json:
        print_json({"documents": [dataclasses.asdict(document) for document in found]})
        return
    if not found:
        say("The library is empty; add something with `refdesk ingest FILE`." if not search else "Nothing matches.")
        return
    rows = [(d.id, d.title, d.media_type, d.chunks, d.pages, ", ".join(d.channels or ()), d.updated_at) for d in found]
    print_table(
        ("id", "title", "type", "chunks", "pages", "channels", "updated"), rows, numbers=("id", "chunks", "pages")
    )


@app.command("show")
@one_document()
def show(document: Number, workspace: Workspace = "local", as_json: Json = False) -> None:
    """Show a document with its passages."""
    settings = front_end.begin()
    with front_end.in_workspace(settings, workspace) as session:
        summary, chunks = documents.read_document(session, document)
    passages = [
        {
            "chunk": c.id,
            "ordinal": c.ordinal,
            "page": c.page,
            "headings": c.headings,
            "tokens": c.tokens,
            "text": c.text,
        }
        for c in chunks
    ]
    if as_json:
        print_json(dataclasses.asdict(summary) | {"passages": passages})
        return
    say(f"{summary.title} (document {summary.id})", "bold")
    say(f"{summary.source}, {summary.media_type}, {summary.chunks} chunks, updated {summary.updated_at}", "dim")
    for passage in passages:
        place = join_headings(passage["headings"])  # type: ignore[arg-type]
        page = f" page {passage['page']}" if passage["page"] else ""
        say(f"\n[{passage['ordinal']}]{page} {place} ({passage['tokens']} tokens)", "dim")
        say(str(passage["text"]))


@app.command("delete")
@one_document()
def delete(document: Number, workspace: Workspace = "local", as_json: Json = False) -> None:
    """Delete a document; it is gone from answers at once."""
    settings = front_end.begin()
    with front_end.in_workspace(settings, workspace) as session:
        title = documents.delete_document(session, document)
    if as_json:
        print_json({"id": document, "title": title, "deleted": True})
    else:
        say(f"deleted document {document}, {title}")


@app.command("reingest")
@one_document()
def reingest(document: Number, workspace: Workspace = "local", as_json: Json = False) -> int:
    """Build a document anew from its kept bytes, beside the live version."""
    settings = front_end.begin()
    with front_end.opened(settings, roles=("ingest",)) as front:
        workspace_id = front.workspace(workspace)
        with front.database.tenant(workspace_id) as session:
            payload = documents.build_reingest_payload(session, document)
        entry = IngestResult(str(payload["source"]))
        entry.job = front.submitter.submit([new_job(front, workspace_id, payload)])[0]
        code = follow(front, workspace_id, [entry])
    if as_json:
        print_json({"documents": [entry.as_json()]})
    summarise([entry])
    return code or int(entry.error is not None)
