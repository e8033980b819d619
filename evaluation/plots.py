"""Plot quality against latency and cost."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

from evaluation.cost import usd_per_thousand_questions
from evaluation.report import Evaluation
from pipeline.errors import InvalidInput, MissingExtra

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = "osD^vP*X"


def plot_quality(evaluation: Evaluation, path: Path) -> None:
    """Save the plot as an image; raise `MissingExtra` without matplotlib, `InvalidInput` if saving fails."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra.for_part("the plot", "evaluate") from None
    # Without pyplot, no display is needed and no global state remains.
    figure = Figure(figsize=(11, 4.8), layout="constrained")
    by_time, by_cost = figure.subplots(1, 2, sharey=True)
    _plot_latency(evaluation, by_time)
    _plot_cost(evaluation, by_cost)
    for axes in (by_time, by_cost):
        axes.grid(visible=True, which="major", alpha=0.3)
    # One legend for both plots: labels at the points overlap if methods are equally good or free.
    figure.legend(*by_time.get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=9, frameon=False)
    size = f"{evaluation.questions} questions, {evaluation.recall} recall"
    figure.suptitle(f"{evaluation.dataset}: {size}", fontsize=11)
    try:
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as error:
        raise InvalidInput(f"The plot cannot be written to {path}: {error}.") from error


def _plot_latency(evaluation: Evaluation, axes: Axes) -> None:
    for result, marker in zip(evaluation.methods, cycle(MARKERS), strict=False):
        (dot,) = axes.plot([result.p50_ms], [result.ndcg_at_10], marker=marker, linestyle="", label=result.method)
        # A line from the median to the 95th percentile.
        slow = [result.p50_ms, result.p95_ms]
        axes.plot(slow, [result.ndcg_at_10] * 2, linewidth=1.5, alpha=0.5, color=dot.get_color())
    axes.set_xscale("log")
    axes.set_xlabel("milliseconds per question (marker: median, line: to the 95th percentile)")
    axes.set_ylabel("nDCG@10")
    axes.margins(0.15)


def _plot_cost(evaluation: Evaluation, axes: Axes) -> None:
    costs = [usd_per_thousand_questions(result.usage, evaluation.questions) for result in evaluation.methods]
    for result, marker, usd in zip(evaluation.methods, cycle(MARKERS), costs, strict=False):
        axes.plot([usd], [result.ndcg_at_10], marker=marker, linestyle="")
    axes.set_xlabel("USD per 1,000 questions")
    charged = [usd for usd in costs if usd > 0]
    if not charged:
        axes.set_xlim(-0.5, 1)
        axes.set_xticks([0])
        return
    # Linear from 0 to the cheapest paid method, so that 0 can be shown; logarithmic above it.
    axes.set_xscale("symlog", linthresh=min(charged))
    axes.set_xlim(-min(charged) / 2, max(charged) * 3)
    axes.set_xticks([tick for tick in axes.get_xticks() if tick >= 0])
