"""`refdesk gaps`: questions that nothing in the library answers, in groups that ask the same thing."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli import context as cli_context
from cli.console import json_on_error, print_json, print_line, print_table
from db import gaps
from db.gaps import Gap


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("gaps")(show_gaps)


@json_on_error()
def show_gaps(
    workspace: Annotated[str, typer.Option(help="Workspace.")] = "local",
    days: Annotated[int, typer.Option(min=1, max=3650, help="Age of the oldest questions in days.")] = gaps.DAYS,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of groups.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> None:
    """Show questions without an answer or with votes against it, in groups that ask the same thing.

    The largest groups come first. In Discord, managers see them with `/gaps` and can answer them.
    """
    settings = cli_context.start_command()
    with cli_context.open_context(settings) as context:
        workspace_id = context.workspace(workspace)
        with context.database.tenant(workspace_id) as session:
            questions = gaps.list_questions(session, workspace_id, days=days)
    groups = gaps.group(questions)
    if as_json:
        print_json({"groups": len(groups), "questions": len(questions), "gaps": list(map(_to_json, groups[:limit]))})
        return
    if not groups:
        print_line(f"There is no question without an answer and no vote against an answer in the last {days} days.")
        return
    print_table(
        ("questions", "unanswered", "against", "since", "last", "question"),
        [
            (
                len(gap.questions),
                gap.unanswered,
                gap.votes_against,
                gap.since.date(),
                gap.newest.created_at.date(),
                gap.newest.question,
            )
            for gap in groups[:limit]
        ],
        numbers=("questions", "unanswered", "against"),
    )
    if len(groups) > limit:
        print_line(f"{len(groups) - limit} more groups. Show them with --limit.", "dim")


def _to_json(gap: Gap) -> dict[str, Any]:
    return {
        "question": gap.newest.question,
        "unanswered": gap.unanswered,
        "votes_against": gap.votes_against,
        "reasons": dict(gap.reasons),
        "since": gap.since,
        "last": gap.newest.created_at,
        "questions": [
            {"query": each.id, "question": each.question, "private": each.private, "created_at": each.created_at}
            for each in gap.questions
        ],
    }
