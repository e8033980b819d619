"""`refdesk evaluate`: quality, latency and cost of methods, on a judged collection or the library itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, cast, get_args

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from cli.console import err, json_on_error, print_json, print_line, print_note, print_table
from cli.context import open_context, start_command
from config.settings import Settings
from evaluation import report
from evaluation.datasets import Dataset, Run, load_dataset, load_run
from evaluation.differences import Comparison, compare_methods
from evaluation.evaluate import (
    EvaluationEnvironment,
    EvaluationPlan,
    OnStep,
    evaluate,
    evaluate_feedback,
    find_profiles,
)
from evaluation.plots import plot_quality
from evaluation.report import (
    COLUMNS,
    DIFFERENCE_COLUMNS,
    EMBEDDING_COLUMNS,
    Evaluation,
    difference_rows,
    embedding_rows,
    evaluation_rows,
    format_notes,
)
from pipeline.cascades import check_reranker
from pipeline.errors import InvalidInput, MissingExtra
from pipeline.types import RecallMode
from tasks.roles import Role

DEFAULT_METHODS = "none,late-interaction"
DEFAULT_DIFFERENCES = 5
RECALL_MODES: tuple[str, ...] = get_args(RecallMode)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("evaluate")(evaluate_command)


@json_on_error()
def evaluate_command(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Folder with corpus.jsonl, queries.jsonl and qrels.tsv.")
    ] = None,
    feedback: Annotated[
        bool, typer.Option("--feedback", help="Use your users' questions, citations and votes instead of DIR.")
    ] = False,
    workspace: Annotated[str, typer.Option(help="With --feedback: workspace of the questions.")] = "local",
    since: Annotated[float, typer.Option(min=0, help="With --feedback: only the last N days; 0 for all.")] = 0,
    profiles: Annotated[
        str, typer.Option(help="Embedding profiles to compare, separated by commas (default: the live one).")
    ] = "",
    recall: Annotated[
        str, typer.Option(help="Kinds of recall to compare: keyword, dense, hybrid (default: REFDESK_RECALL).")
    ] = "",
    reranker: Annotated[str, typer.Option(help="Rerankers to compare, separated by commas.")] = DEFAULT_METHODS,
    top_n: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Number of candidates per question (default: REFDESK_TOP_N).")
    ] = None,
    run: Annotated[
        str,
        typer.Option(help="Run in DIR/runs to rerank; `none` recalls from the whole corpus (default: the first run)."),
    ] = "",
    differences: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Number of questions to list that differ most from the first method (default: 5); all with --json.",
        ),
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="File for the plot (default: in the data folder).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Measure embedding profiles, recall and rerankers: quality, time, calls, tokens and cost side by side.

    With DIR, on a judged collection. Its documents and questions use the normal ingestion, recall and rerankers in a
    separate workspace, and are reused by later evaluations. With --feedback, on your library: your users' questions,
    the documents that the answers cite, and the votes. A document is ranked by its best chunk.

    Every combination of profiles, kinds of recall and rerankers is one row.
    """
    settings = start_command()
    if (folder is None) != feedback:
        raise typer.BadParameter("Name a folder, or use --feedback for your own library.")
    if plot is not None and not plot.absolute().parent.is_dir():
        raise InvalidInput(f"The plot cannot be written: the folder {plot.parent} does not exist.")
    dataset = load_dataset(folder) if folder is not None else None
    plan = EvaluationPlan(
        recalls=_recall_modes(recall or settings.answer.recall),
        rerankers=split_rerankers(reranker),
        top_n=top_n or settings.answer.top_n,
        run=_chosen_run(dataset, run) if dataset is not None else None,
        profiles=split_names(profiles, "--profiles") if profiles else (),
    )
    evaluations = _measure(settings, dataset, plan, workspace=workspace, since=since)
    _show(evaluations, as_document=as_json, differences=differences)
    if plot is not None or not as_json:
        joined = report.join_evaluations(evaluations)
        _plot(joined, plot or _plot_path(settings, evaluations))


def _measure(
    settings: Settings, dataset: Dataset | None, plan: EvaluationPlan, *, workspace: str, since: float
) -> tuple[Evaluation, ...]:
    roles: tuple[Role, ...] = ("ingest",) if dataset is not None else ()
    with open_context(settings, roles=roles, wait=False) as context, progress_bars() as progress:
        environment = EvaluationEnvironment(settings, context.database, context.submitter)
        find_profiles(plan, environment)  # an unknown profile is reported before a worker loads its model
        if dataset is None:
            return evaluate_feedback(workspace, plan, environment, step_callback(progress), days=since)
        context.require_broker()
        context.workers.ensure(roles)
        return evaluate(dataset, plan, environment, step_callback(progress))


def _show(evaluations: Sequence[Evaluation], *, as_document: bool, differences: int | None) -> None:
    for sentence in dict.fromkeys(sentence for one in evaluations for sentence in format_notes(one)):
        print_note(sentence, "yellow")
    if as_document:
        print_json(report.as_json(evaluations, by_question=bool(differences)))
        return
    joined = report.join_evaluations(evaluations)
    size = f"{joined.questions} questions, {joined.documents} documents"
    print_line(f"{joined.dataset}: {size}, {joined.recall} recall")
    print_table(COLUMNS, evaluation_rows(joined), numbers=COLUMNS[1:])
    if profiles := embedding_rows(evaluations):
        print_line("")
        print_table(EMBEDDING_COLUMNS, profiles, numbers=EMBEDDING_COLUMNS[4:])
    most = differences if differences is not None else DEFAULT_DIFFERENCES if len(evaluations) == 1 else 0
    for comparison in compare_methods(joined.methods, joined.texts, most):
        show_differences(comparison)


def show_differences(comparison: Comparison) -> None:
    """Print how a method differs from the first one, with the questions that differ most."""
    print_line("")
    print_line(
        f"{comparison.method} against {comparison.against}: better on {comparison.won} questions, the same on"
        f" {comparison.tied}, worse on {comparison.lost} (p = {comparison.p:.2g})"
    )
    if comparison.largest:
        print_table(DIFFERENCE_COLUMNS, difference_rows(comparison), numbers=DIFFERENCE_COLUMNS[:2])


class _ProgressBars:
    """Shows one progress bar per counted unit."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}

    def __call__(self, unit: str, done: int, total: int) -> None:
        if unit not in self._bars:
            self._bars[unit] = self._progress.add_task(unit, total=total)
        self._progress.update(self._bars[unit], completed=done, total=total)


def step_callback(progress: Progress) -> OnStep:
    """Return a callback that shows one progress bar per counted unit."""
    return _ProgressBars(progress)


def progress_bars() -> Progress:
    """Return the progress display, on stderr."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=err)


def split_names(text: str, option: str) -> tuple[str, ...]:
    """Split comma-separated names, each once; raises `InvalidInput` if there are none."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise InvalidInput(f"{option} needs at least one name.")
    return names


def split_rerankers(text: str) -> tuple[str, ...]:
    """Split comma-separated names of rerankers and cascades; raises `UnknownName` if one is invalid."""
    return tuple(map(check_reranker, split_names(text, "--reranker")))


def _recall_modes(text: str) -> tuple[RecallMode, ...]:
    names = split_names(text, "--recall")
    if unknown := [name for name in names if name not in RECALL_MODES]:
        raise InvalidInput(f"There is no recall {unknown[0]!r}. Choose from: {', '.join(RECALL_MODES)}.")
    return cast("tuple[RecallMode, ...]", names)


def _chosen_run(dataset: Dataset, name: str) -> Run | None:
    if name == "none" or not (name or dataset.run_names):
        return None
    run = load_run(dataset, name or dataset.run_names[0])
    print_note(f"Reranking the run {run.name}; use `--run none` to recall from the whole corpus.")
    return run


def _plot_path(settings: Settings, evaluations: Sequence[Evaluation]) -> Path:
    """Return the default file of the plot, named after the collection, the profiles and the kinds of recall."""
    folder = settings.servers.home / "evaluation"
    folder.mkdir(parents=True, exist_ok=True)
    profiles = "+".join(dict.fromkeys(one.profile for one in evaluations))
    recalls = "+".join(dict.fromkeys(one.recall for one in evaluations))
    name = "-".join(filter(None, (evaluations[0].dataset, profiles, recalls)))
    return folder / f"{name.replace('/', '_')}.png"


def _plot(evaluation: Evaluation, path: Path) -> None:
    try:
        plot_quality(evaluation, path)
    except (InvalidInput, MissingExtra) as error:
        print_note(str(error), "yellow")  # the figures are already printed; a missing plot is not a failure
        return
    print_note(f"plot: {path}")
