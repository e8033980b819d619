"""`refdesk evaluate`: quality, latency and cost of recall and rerankers on a judged collection."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from cli.ask import RecallName
from cli.console import err, note, one_document, print_json, print_table, say
from cli.front import opened
from config import settings as configuration
from config.logging import set_up_logging
from config.settings import Settings
from evaluation import report
from evaluation.datasets import Dataset, Run, load, load_run
from evaluation.evaluate import EvaluationPlan, Laboratory, evaluate
from evaluation.plots import plot_quality_against_latency
from evaluation.report import COLUMNS, Evaluation, as_rows, notes
from pipeline.errors import BadInput, MissingExtra


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("evaluate")(evaluate_command)


@one_document()
def evaluate_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Holds corpus.jsonl, queries.jsonl and qrels.tsv.")],
    recall: Annotated[RecallName | None, typer.Option(help="Kind of recall; REFDESK_RECALL when not given.")] = None,
    reranker: Annotated[str, typer.Option(help="Methods to compare, separated by commas.")] = "none,late-interaction",
    top_n: Annotated[int | None, typer.Option(min=1, max=1000, help="Candidates of a question.")] = None,
    run: Annotated[
        str,
        typer.Option(help="Run of DIR/runs to rerank; `none` recalls from the whole corpus; else the first there is."),
    ] = "",
    plot: Annotated[Path | None, typer.Option(help="Where the plot goes; in the data folder when not given.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Measure recall and rerankers on a collection with known answers.

    The collection goes through the ingestion, the recall and the rerankers that answer people's questions, in a
    workspace of its own; a second time it is found there. A document counts with its best chunk.
    """
    settings = configuration.load()
    set_up_logging(settings)
    dataset = load(folder)
    plan = EvaluationPlan(
        recall=recall.value if recall else settings.recall,
        rerankers=_method_names(reranker),
        top_n=top_n or settings.top_n,
        run=_chosen_run(dataset, run),
    )
    if plan.run is not None:
        note(f"candidates come from the run {plan.run.name}; `--run none` recalls from the whole corpus")
    with opened(settings, roles=("ingest",)) as front, _progress() as progress:
        laboratory = Laboratory(settings, front.database, front.submitter)
        evaluation = evaluate(dataset, plan, laboratory, _Steps(progress))
    _show(evaluation, as_document=as_json)
    if plot is not None or not as_json:
        _plot(evaluation, plot or _plot_path(settings, evaluation))


def _show(evaluation: Evaluation, *, as_document: bool) -> None:
    for sentence in notes(evaluation):
        note(sentence, "yellow")
    if as_document:
        print_json(report.as_json(evaluation))
        return
    size = f"{evaluation.questions} questions, {evaluation.documents} documents"
    say(f"{evaluation.dataset}: {size}, {evaluation.recall} recall")
    print_table(COLUMNS, as_rows(evaluation), numbers=COLUMNS[1:])


class _Steps:
    """Shows progress as one bar per kind of thing counted."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        if what not in self._bars:
            self._bars[what] = self._progress.add_task(what, total=total)
        self._progress.update(self._bars[what], completed=done, total=total)


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=err)


def _method_names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise BadInput("--reranker names no method; give one or more, for instance none,late-interaction.")
    return names


def _chosen_run(dataset: Dataset, name: str) -> Run | None:
    if name == "none" or not (name or dataset.run_names):
        return None
    return load_run(dataset, name or dataset.run_names[0])


def _plot_path(settings: Settings, evaluation: Evaluation) -> Path:
    folder = settings.home / "evaluation"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{evaluation.dataset.replace('/', '_')}-{evaluation.recall}.png"


def _plot(evaluation: Evaluation, path: Path) -> None:
    try:
        plot_quality_against_latency(evaluation, path)
    except MissingExtra as error:
        note(str(error), "yellow")  # the figures are printed already; a missing picture is no failure
        return
    note(f"plot: {path}")
