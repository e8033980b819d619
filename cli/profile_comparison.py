"""`refdesk profiles compare`: what a switch would change, before it is made."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import context as front_end
from cli.ask import RecallName
from cli.console import note, one_document, print_json, print_table, say
from cli.evaluate import progress_bars, show_differences, steps
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


@one_document()
def compare(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The profile that may become the live one.")],
    against: Annotated[str, typer.Option(help="Profile to compare it with; the live one when not given.")] = "",
    workspace: Annotated[str, typer.Option(help="Whose questions.")] = "local",
    since: Annotated[float, typer.Option(min=0, help="Of the last so many days; 0: ever.")] = 0,
    recall: Annotated[RecallName | None, typer.Option(help="Kind of recall; REFDESK_RECALL when not given.")] = None,
    reranker: Annotated[str, typer.Option(help="What reranks the candidates of both.")] = "none",
    differences: Annotated[int, typer.Option(min=0, help="Questions listed where they differ most.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Ask what people have asked with two profiles, and see what would change.

    What the answers cite counts as relevant, votes included, as in `refdesk evaluate --feedback`: a little to the
    advantage of the profile that was live then. Both profiles must be built.
    """
    settings = front_end.begin()
    plan = EvaluationPlan(recall.value if recall else settings.answer.recall, (reranker,), settings.answer.top_n)
    with front_end.opened(settings) as front:
        with front.database.system() as session:
            live = profiles.find_live(session)
        first = against or (live.name if live else "")
        if first == name:
            raise InvalidInput(f"The profile {name!r} cannot be compared with itself; name another with --against.")
        laboratory = EvaluationEnvironment(settings, front.database, front.submitter)
        with progress_bars() as progress:
            evaluation, compared = compare_profiles(
                [first, name], workspace, plan, laboratory, steps(progress), days=since
            )
    for sentence in format_notes(evaluation):
        note(sentence, "yellow")
    if as_json:
        print_json({"questions": evaluation.questions, "profiles": [_as_json(one) for one in compared]})
        return
    say(f"{workspace}: {evaluation.questions} questions, {evaluation.recall} recall, reranker {reranker}")
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
