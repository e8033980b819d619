"""`refdesk evaluate`: quality, latency and cost of methods, on a judged collection or one's own library."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from cli.ask import RecallName
from cli.console import err, note, one_document, print_json, print_table, say
from cli.context import opened
from config import settings as configuration
from config.logging import set_up_logging
from config.settings import Settings
from evaluation import report
from evaluation.datasets import Dataset, Run, load_dataset, load_run
from evaluation.differences import Comparison, compare_methods
from evaluation.evaluate import EvaluationEnvironment, EvaluationPlan, OnStep, evaluate, evaluate_feedback
from evaluation.plots import plot_quality
from evaluation.report import COLUMNS, DIFFERENCE_COLUMNS, Evaluation, difference_rows, evaluation_rows, format_notes
from pipeline.errors import InvalidInput, MissingExtra

DEFAULT_METHODS = "none,late-interaction"
MOST_DIFFERENCES = 5


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("evaluate")(evaluate_command)


@one_document()
def evaluate_command(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Holds corpus.jsonl, queries.jsonl and qrels.tsv.")
    ] = None,
    own: Annotated[
        bool, typer.Option("--feedback", help="Measure on what your people asked, instead of DIR: citations and votes.")
    ] = False,
    workspace: Annotated[str, typer.Option(help="With --feedback: whose questions.")] = "local",
    since: Annotated[float, typer.Option(min=0, help="With --feedback: of the last so many days; 0: ever.")] = 0,
    recall: Annotated[RecallName | None, typer.Option(help="Kind of recall; REFDESK_RECALL when not given.")] = None,
    reranker: Annotated[str, typer.Option(help="Methods to compare, separated by commas.")] = DEFAULT_METHODS,
    profile: Annotated[str, typer.Option(help="Embedding profile; the live one when not given.")] = "",
    top_n: Annotated[int | None, typer.Option(min=1, max=1000, help="Candidates of a question.")] = None,
    run: Annotated[
        str,
        typer.Option(help="Run of DIR/runs to rerank; `none` recalls from the whole corpus; else the first there is."),
    ] = "",
    differences: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Questions listed where a method differs most from the first, 5 when not given; all with --json.",
        ),
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Where the plot goes; in the data folder when not given.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Measure recall and rerankers: quality, time, calls, tokens and cost side by side.

    On a collection with known answers (DIR), which goes through the ingestion, the recall and the rerankers that answer
    people's questions, in a workspace of its own; a second time it is found there. Or with --feedback on your own
    library: what your people asked, the documents that the answers cite, and the votes. A document counts with its
    best chunk.
    """
    settings = configuration.load()
    set_up_logging(settings)
    if (folder is None) != own:
        raise typer.BadParameter("Say what to measure on: a folder, or --feedback for your own library.")
    if plot is not None and not plot.absolute().parent.is_dir():
        raise InvalidInput(f"{plot.parent} is not a folder, so the plot cannot be written there; make it first.")
    dataset = load_dataset(folder) if folder is not None else None
    plan = EvaluationPlan(
        recall=recall.value if recall else settings.answer.recall,
        rerankers=method_names(reranker),
        top_n=top_n or settings.answer.top_n,
        run=_chosen_run(dataset, run) if dataset is not None else None,
        profile=profile,
    )
    if plan.run is not None:
        note(f"candidates come from the run {plan.run.name}; `--run none` recalls from the whole corpus")
    evaluation = _measure(settings, dataset, plan, workspace=workspace, since=since)
    _show(evaluation, as_document=as_json, differences=differences)
    if plot is not None or not as_json:
        _plot(evaluation, plot or _plot_path(settings, evaluation))


def _measure(
    settings: Settings, dataset: Dataset | None, plan: EvaluationPlan, *, workspace: str, since: float
) -> Evaluation:
    with opened(settings, roles=("ingest",) if dataset is not None else ()) as front, progress_bars() as progress:
        laboratory = EvaluationEnvironment(settings, front.database, front.submitter)
        if dataset is not None:
            return evaluate(dataset, plan, laboratory, steps(progress))
        return evaluate_feedback(workspace, plan, laboratory, steps(progress), days=since)


def _show(evaluation: Evaluation, *, as_document: bool, differences: int | None) -> None:
    for sentence in format_notes(evaluation):
        note(sentence, "yellow")
    if as_document:
        print_json(report.evaluation_json(evaluation, by_question=bool(differences)))
        return
    size = f"{evaluation.questions} questions, {evaluation.documents} documents"
    say(f"{evaluation.dataset}: {size}, {evaluation.recall} recall")
    print_table(COLUMNS, evaluation_rows(evaluation), numbers=COLUMNS[1:])
    most = MOST_DIFFERENCES if differences is None else differences
    for comparison in compare_methods(evaluation.methods, evaluation.texts, most):
        show_differences(comparison)


def show_differences(comparison: Comparison) -> None:
    """Print how a method differs from the first one, with the questions on which it does most."""
    say("")
    say(
        f"{comparison.method} against {comparison.against}: better on {comparison.won} questions, the same on"
        f" {comparison.tied}, worse on {comparison.lost}; by chance with p = {comparison.p:.2g}"
    )
    if comparison.largest:
        print_table(DIFFERENCE_COLUMNS, difference_rows(comparison), numbers=DIFFERENCE_COLUMNS[:2])


class _ProgressBars:
    """Shows progress as one bar per kind of thing counted."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        if what not in self._bars:
            self._bars[what] = self._progress.add_task(what, total=total)
        self._progress.update(self._bars[what], completed=done, total=total)


def steps(progress: Progress) -> OnStep:
    """Show progress as one bar per kind of thing counted."""
    return _ProgressBars(progress)


def progress_bars() -> Progress:
    """Make the bars, on stderr."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=err)


def method_names(text: str) -> tuple[str, ...]:
    """Take names apart that stand between commas; raises `InvalidInput` when there is none."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise InvalidInput("--reranker names no method; give one or more, for instance none,late-interaction.")
    return names


def _chosen_run(dataset: Dataset, name: str) -> Run | None:
    if name == "none" or not (name or dataset.run_names):
        return None
    return load_run(dataset, name or dataset.run_names[0])


def _plot_path(settings: Settings, evaluation: Evaluation) -> Path:
    folder = settings.servers.home / "evaluation"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{evaluation.dataset.replace('/', '_')}-{evaluation.recall}.png"


def _plot(evaluation: Evaluation, path: Path) -> None:
    try:
        plot_quality(evaluation, path)
    except (InvalidInput, MissingExtra) as error:
        note(str(error), "yellow")  # the figures are printed already; a missing picture is no failure
        return
    note(f"plot: {path}")
