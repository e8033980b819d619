"""The plot of what a method buys: its quality against the time and against the money that it takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evaluation.cost import usd_per_thousand_questions
from evaluation.report import Evaluation
from pipeline.errors import BadInput, MissingExtra

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEAST_USD = 0.01
"""Down to this cost for a thousand questions the axis is logarithmic; below, it leads evenly to nothing."""


def plot_quality(evaluation: Evaluation, path: Path) -> None:
    """Write the plot as an image; raises `MissingExtra` without matplotlib, `BadInput` if `path` cannot be written."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra('Plotting needs matplotlib; install it with `pip install "refdesk[evaluate]"`.') from None
    # Built without pyplot: no display is looked for, and nothing global is left behind.
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    by_time, by_cost = figure.subplots(1, 2, sharey=True)
    _plot_time(by_time, evaluation)
    _plot_cost(by_cost, evaluation)
    title = f"{evaluation.dataset}: {evaluation.questions} questions, {evaluation.recall} recall"
    figure.suptitle(title, fontsize=11)
    try:
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as error:
        raise BadInput(f"The plot cannot be written to {path}: {error}.") from error


def _plot_time(axes: Axes, evaluation: Evaluation) -> None:
    for result in evaluation.methods:
        # A bar from the median to the 95th percentile: how far the slow questions lie.
        axes.plot([result.p50_ms, result.p95_ms], [result.ndcg_at_10] * 2, linewidth=1.5, alpha=0.5)
        axes.plot([result.p50_ms], [result.ndcg_at_10], marker="o", color=axes.lines[-1].get_color())
    _label(axes, evaluation, [result.p50_ms for result in evaluation.methods])
    axes.set_xscale("log")
    axes.set_xlabel("milliseconds per question (dot: median, line: to the 95th percentile)")
    axes.set_ylabel("nDCG@10")


def _plot_cost(axes: Axes, evaluation: Evaluation) -> None:
    costs = [usd_per_thousand_questions(result.usage, evaluation.questions) for result in evaluation.methods]
    for cost, result in zip(costs, evaluation.methods, strict=True):
        axes.plot([cost], [result.ndcg_at_10], marker="o")
    _label(axes, evaluation, costs)
    axes.set_xscale("symlog", linthresh=LEAST_USD)
    axes.set_xlim(left=-LEAST_USD / 5)
    axes.set_xlabel("US dollars per 1,000 questions (0: no paid call)")


def _label(axes: Axes, evaluation: Evaluation, places: Sequence[float]) -> None:
    for place, result in zip(places, evaluation.methods, strict=True):
        axes.annotate(result.method, (place, result.ndcg_at_10), textcoords="offset points", xytext=(6, 6), fontsize=9)
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.margins(0.15)
