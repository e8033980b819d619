"""`refdesk erase`: erase a workspace, a person or a document; without `--yes`, only count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from cli import context as cli_context
from cli.console import json_on_error, print_json, print_line, print_table
from pipeline.errors import InvalidInput
from pipeline.text.cleaning import escape_undecodable

app = typer.Typer(
    help="Erase a workspace, a person or a document for good. Without --yes, show what would be erased.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Yes = Annotated[bool, typer.Option("--yes", help="Erase. Without it, only count.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


@app.command("workspace")
@json_on_error()
def erase_workspace(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Workspace: `local`, `guild:ID` or `user:ID`.")],
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Erase a workspace: its documents, questions, jobs, messages, votes and settings.

    It disappears at once, and its rows are deleted in batches; a worker continues if this command is interrupted.
    """
    from db import workspace_erasure, workspaces

    settings = cli_context.start_command()
    with cli_context.open_context(settings) as context:
        with context.database.system() as session:
            workspace_id = workspaces.find_workspace(session, escape_undecodable(key))
            counts = workspace_erasure.count_rows(session, workspace_id)
        if yes:
            workspace_erasure.erase_workspace(context.database, workspace_id)
    _show(f"workspace {key}", counts | {"workspaces": 1}, erased=yes, as_json=as_json)


@app.command("person")
@json_on_error()
def erase_person(
    person: Annotated[str, typer.Argument(metavar="ID", help="ID of a Discord user, or a name of the command line.")],
    keep_documents: Annotated[
        bool, typer.Option("--keep-documents", help="Keep the documents that the person added, without the person.")
    ] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Erase a person in all workspaces: questions with their answers, messages, votes, and the documents they added.

    Of each question, its cost, time and model remain without text and person, because they count towards budgets.
    """
    from db import person_erasure

    if not person.strip():
        raise InvalidInput("The ID of the person must not be empty.")
    settings = cli_context.start_command()
    with cli_context.open_context(settings) as context:
        with context.database.system() as session:
            counts = person_erasure.count_rows(session, escape_undecodable(person))
        if yes:
            person_erasure.erase_person(context.database, escape_undecodable(person), keep_documents=keep_documents)
    if keep_documents and "documents" in counts:
        counts["documents (only the person)"] = counts.pop("documents")
    _show(f"person {person}", counts, erased=yes, as_json=as_json)


@app.command("document")
@json_on_error()
def erase_document(
    document: Annotated[
        int, typer.Argument(metavar="ID", min=1, max=2**31 - 1, help="ID of the document, from `refdesk docs list`.")
    ],
    workspace: Annotated[str, typer.Option(help="Workspace.")] = "local",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Erase a document as `refdesk docs delete` does, and its postings from the keyword index at once."""
    from db import documents, erasure, keyword_segments

    settings = cli_context.start_command()
    with cli_context.open_context(settings) as context:
        workspace_id = context.workspace(workspace)
        with context.database.tenant(workspace_id) as session:
            title = documents.find_document(session, document).title
            counts = erasure.count_document_rows(session, document)
            if yes:
                documents.delete_document(session, document)
        if yes:
            keyword_segments.rewrite(context.database, workspace_id)
    _show(f"document {document}, {title}", counts, erased=yes, as_json=as_json)


@app.command("remains")
@json_on_error()
def erase_remains(yes: Yes = False, as_json: Json = False) -> None:
    """Erase what an earlier version of Refdesk left in traces and jobs when documents were deleted.

    In all workspaces: names, quotes, bytes, and the answers that used the documents.
    """
    from db import erasure

    settings = cli_context.start_command()
    with cli_context.open_context(settings) as context:
        with context.database.system() as session:
            found = erasure.list_deleted_documents(session)
        for workspace_id, document_id in found if yes else ():
            with context.database.tenant(workspace_id) as session:
                erasure.erase_deleted_documents(session, workspace_id, [document_id])
    counts = {"deleted documents": len(found)} if found else {}
    _show("documents that were deleted earlier", counts, erased=yes, as_json=as_json)


def _show(subject: str, counts: Mapping[str, int], *, erased: bool, as_json: bool) -> None:
    if as_json:
        print_json({"subject": subject, "erased": erased, "rows": counts})
        return
    if not counts:
        print_line(f"Nothing is stored of {subject}.")
        return
    print_table(
        ("stored", "rows"), [(name.replace("_", " "), count) for name, count in counts.items()], numbers=("rows",)
    )
    if erased:
        print_line(f"Erased {subject}.")
    else:
        print_line(f"Nothing was erased yet. Repeat the command with --yes to erase {subject}.", "yellow")
