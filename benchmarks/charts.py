"""Draw the charts of the page as SVG."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

from benchmarks.results import Chart

MARKERS = "os^Dv"


def draw_chart(chart: Chart, path: Path) -> None:
    """Write the chart to an SVG file; equal charts give equal files."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter, ScalarFormatter

    with mpl.rc_context({"svg.hashsalt": chart.name, "svg.fonttype": "none"}):
        figure = Figure(figsize=(7, 3.6), layout="constrained")
        axes = figure.subplots()
        for line, marker in zip(chart.lines, cycle(MARKERS), strict=False):
            axes.plot(*zip(*line.points, strict=True), marker=marker, markersize=4, linewidth=1.5, label=line.name)
        if chart.log_x:
            axes.set_xscale("log")
            axes.set_xticks(sorted({x for line in chart.lines for x, _ in line.points}))
            axes.xaxis.set_major_formatter(EngFormatter(sep=""))
            axes.minorticks_off()
        if chart.log_y:
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter(ScalarFormatter())
        else:
            axes.set_ylim(bottom=0)
        axes.set(title=chart.title, xlabel=chart.x_label, ylabel=chart.y_label)
        axes.grid(visible=True, alpha=0.3)
        if len(chart.lines) > 1:
            axes.legend(fontsize=9, frameon=False)
        figure.savefig(path, format="svg", metadata={"Date": None})
