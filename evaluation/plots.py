"""The plot of quality against latency: which method buys how much, and what it costs in time."""

from __future__ import annotations

from pathlib import Path

from evaluation.report import Evaluation
from pipeline.errors import BadInput, MissingExtra


def plot_quality_against_latency(evaluation: Evaluation, path: Path) -> None:
    """Write the plot as an image; raises `MissingExtra` without matplotlib, `BadInput` if `path` cannot be written."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra('Plotting needs matplotlib; install it with `pip install "refdesk[evaluate]"`.') from None
    # Built without pyplot: no display is looked for, and nothing global is left behind.
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for result in evaluation.methods:
        # A bar from the median to the 95th percentile: how far the slow questions lie.
        axes.plot([result.p50_ms, result.p95_ms], [result.ndcg_at_10] * 2, linewidth=1.5, alpha=0.5)
        axes.plot([result.p50_ms], [result.ndcg_at_10], marker="o", color=axes.lines[-1].get_color())
        axes.annotate(
            result.method, (result.p50_ms, result.ndcg_at_10), textcoords="offset points", xytext=(6, 6), fontsize=9
        )
    axes.set_xscale("log")
    axes.set_xlabel("milliseconds per question (dot: median, line: to the 95th percentile)")
    axes.set_ylabel("nDCG@10")
    axes.set_title(f"{evaluation.dataset}: {evaluation.questions} questions, {evaluation.recall} recall", fontsize=11)
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.margins(0.15)
    try:
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as error:
        raise BadInput(f"The plot cannot be written to {path}: {error}.") from error
