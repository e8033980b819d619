"""`refdesk profiles compare`: show what a switch would change."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import context as cli_context
from cli.ask import RecallName
from cli.console import json_on_error, print_json, print_line, print_note, print_table
from cli.evaluate import progress_bars, show_differences, step_callback
from db import profiles
from evaluation.differences import compare_methods
from evaluation.evaluate import EvaluationEnvironment, EvaluationPlan
from evaluation.profiles import ProfileResult, compare_profiles
from evaluation.report import format_notes
from pipeline.errors import InvalidInput

COLUMNS = (
    *("profile", "model", "dimensions", "nDCG@10", "MRR@10", "recall@50"),
    *("p50 ms", "p95 ms", "MB", "same top 10"),
)


@json_on_error()
def compare(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Profile to evaluate.")],
    against: Annotated[str, typer.Option(help="Profile to compare it with (default: the live one).")] = "",
    workspace: Annotated[str, typer.Option(help="Workspace of the questions.")] = "local",
    since: Annotated[float, typer.Option(min=0, help="Only the last N days; 0 for all.")] = 0,
    recall: Annotated[RecallName | None, typer.Option(help="Kind of recall (default: REFDESK_RECALL).")] = None,
    reranker: Annotated[str, typer.Option(help="Reranker for the candidates of both.")] = "none",
    differences: Annotated[int, typer.Option(min=0, help="Number of questions to list that differ most.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Run your users' questions against two profiles and show the differences.

    Documents that the answers cite count as relevant, with votes, as in `refdesk evaluate --feedback`. This slightly
    favours the profile that was live at the time. Both profiles must be built.
    """
    settings = cli_context.start_command()
    mode = recall.value if recall else settings.answer.recall
    plan = EvaluationPlan((mode,), (reranker,), settings.answer.top_n)
    with cli_context.open_context(settings) as context:
        with context.database.system() as session:
            live = profiles.find_live(session)
        first = against or (live.name if live else "")
        if first == name:
            raise InvalidInput(f"The profile {name!r} cannot be compared with itself; name another with --against.")
        environment = EvaluationEnvironment(settings, context.database, context.submitter)
        with progress_bars() as progress:
            evaluation, compared = compare_profiles(
                [first, name], workspace, plan, environment, step_callback(progress), days=since
            )
    for sentence in format_notes(evaluation):
        print_note(sentence, "yellow")
    if as_json:
        print_json({"questions": evaluation.questions, "profiles": [_as_json(one) for one in compared]})
        return
    print_line(f"{workspace}: {evaluation.questions} questions, {evaluation.recall} recall, reranker {reranker}")
    print_table(COLUMNS, [_row(one) for one in compared], numbers=COLUMNS[2:])
    for comparison in compare_methods(evaluation.methods, evaluation.texts, differences):
        show_differences(comparison)


def _row(one: ProfileResult) -> tuple[object, ...]:
    result = one.result
    return (
        one.profile.name,
        one.profile.model,
        one.profile.dimensions,
        f"{result.ndcg_at_10:.3f}",
        f"{result.mrr_at_10:.3f}",
        f"{result.recall_at_50:.3f}",
        f"{result.p50_ms:.1f}",
        f"{result.p95_ms:.1f}",
        f"{one.megabytes:.1f}",
        f"{one.agreement:.0%}",
    )


def _as_json(one: ProfileResult) -> dict[str, object]:
    result = one.result
    return {
        "name": one.profile.name,
        "model": one.profile.model,
        "dimensions": one.profile.dimensions,
        "ndcg@10": round(result.ndcg_at_10, 4),
        "mrr@10": round(result.mrr_at_10, 4),
        "recall@50": round(result.recall_at_50, 4),
        "p50_ms": round(result.p50_ms, 1),
        "p95_ms": round(result.p95_ms, 1),
        "megabytes": round(one.megabytes, 3),
        "same_top_10": round(one.agreement, 4),
    }
