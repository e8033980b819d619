"""`refdesk compare`: show several methods on one question side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from cli import context as cli_context
from cli.ask import RecallName
from cli.console import err, json_on_error, print_json, print_line, print_note, print_table
from cli.evaluate import DEFAULT_METHODS, split_rerankers
from evaluation.cost import total_tokens
from evaluation.evaluate import EvaluationEnvironment
from evaluation.side_by_side import answer_json, answer_side_by_side, method_name
from pipeline.questions import check_question
from pipeline.text.passages import join_headings
from pipeline.types import Answer, AnswerOptions, RankedCandidate, RecallMode

SNIPPET = 60
"""Maximum characters of a passage to show."""
SUMMARY = ("method", "rerank ms", "total ms", "calls", "tokens", "USD", "overlap with first")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("compare")(compare)


@json_on_error()
def compare(
    question: Annotated[str, typer.Argument(help="The question, in quotes.")],
    reranker: Annotated[str, typer.Option(help="Methods to compare, separated by commas.")] = DEFAULT_METHODS,
    recall: Annotated[
        list[RecallName] | None, typer.Option(help="Kind of recall; may be repeated (default: REFDESK_RECALL).")
    ] = None,
    top_n: Annotated[
        int | None, typer.Option(min=1, max=200, help="Number of candidates to recall (default: REFDESK_TOP_N).")
    ] = None,
    show: Annotated[int, typer.Option(min=1, max=50, help="Number of passages to show per method.")] = 5,
    answers: Annotated[bool, typer.Option("--answers", help="Also show the answer of each method.")] = False,
    workspace: Annotated[str, typer.Option(help="Workspace to search.")] = "local",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> None:
    """Compare methods on one question: passages, time and cost side by side.

    Searches all channels of the workspace and stores nothing. A language model is called only by rerankers that need
    one, and with --answers.
    """
    settings = cli_context.start_command()
    checked = check_question(question, settings.answer.max_question_chars)
    recalls: list[RecallMode] = [one.value for one in recall or ()] or [settings.answer.recall]
    methods = [
        AnswerOptions(recall=kind, top_n=top_n or settings.answer.top_n, top_k=settings.answer.top_k, reranker=name)
        for kind in recalls
        for name in split_rerankers(reranker)
    ]
    with cli_context.open_context(settings) as context, err.status("loading the models …") as status:
        compared = answer_side_by_side(
            checked,
            methods,
            workspace,
            EvaluationEnvironment(settings, context.database, context.submitter),
            with_answers=answers,
            on_method=lambda name, done, total: status.update(f"{name} ({done + 1} of {total})"),
        )
    if as_json:
        documents = [answer_json(answer, most=show, with_answers=answers) for answer in compared]
        print_json({"question": checked, "methods": documents})
        return
    _show(compared, most=show)
    if answers:
        for answer in compared:
            print_line(f"\n{method_name(answer.options)}", "bold")
            print_line(answer.generated.text)


def _show(compared: Sequence[Answer], *, most: int) -> None:
    names = [method_name(answer.options) for answer in compared]
    rows = [
        (place + 1, *(_cell(answer.reranking.ranked, place) for answer in compared))
        for place in range(min(most, max(len(answer.reranking.ranked) for answer in compared)))
    ]
    print_table(("", *names), rows)
    print_line("")
    print_table(SUMMARY, [_summary(answer, compared[0], most) for answer in compared], numbers=SUMMARY[1:])
    for answer in compared:
        for one in answer.fallbacks:
            print_note(f"{method_name(answer.options)}: {one.used} instead of {one.method}: {one.reason}", "yellow")


def _cell(ranked: Sequence[RankedCandidate], place: int) -> str:
    if place >= len(ranked):
        return ""
    one = ranked[place]
    page = f" p. {one.candidate.page}" if one.candidate.page else ""
    text = " ".join(one.candidate.text.split())
    snippet = text if len(text) <= SNIPPET else text[:SNIPPET].rstrip() + "…"
    location = join_headings((one.candidate.title, *one.candidate.headings[-1:]))
    return f"{location}{page} (score {one.score:.2f}, recall rank {one.candidate.recall_rank}) {snippet}"


def _summary(answer: Answer, first: Answer, most: int) -> tuple[object, ...]:
    chunks, first_chunks = (
        {one.candidate.chunk_id for one in each.reranking.ranked[:most]} for each in (answer, first)
    )
    return (
        method_name(answer.options),
        f"{answer.timings_ms.get('rerank', 0.0):.0f}",
        f"{answer.timings_ms['total']:.0f}",
        answer.usage.calls,
        total_tokens(answer.usage),
        f"{answer.usage.cost_usd:.4f}",
        f"{len(chunks & first_chunks)} of {len(chunks)}",
    )
