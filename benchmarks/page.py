"""Render stored results as docs/performance.md; parts that were not run are left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.charts import draw_chart
from benchmarks.results import BenchmarkResult, Machine, Measurement, Table

HEAD = """\
# Performance

How fast Refdesk is, as ratios inside one run: every value is compared with a baseline that was measured in the same
minutes on the same machine, in alternating rounds, because the speed of a shared machine changes over time. Values and
ratios are medians over the rounds.
"""
HOW_TO_RUN = """\
## How to run it

    make bench                                  # everything except `crowd` and `scale`; about ten minutes on two cores
    make bench-scale                            # recall in a growing store, up to 1,000,000 chunks
    .venv/bin/python -m benchmarks.run --only crowd   # people in Discord; needs `scripts/install bot`
    .venv/bin/python -m benchmarks.run --only ingest,rerank --chunks 1500 --rounds 2
    .venv/bin/python -m benchmarks.run --quick  # smallest sizes, to see whether everything runs

This page is written by these commands. Each part is stored in `docs/performance/PART.json` and replaced when it is
run again; the page is rendered from all stored parts. `--render` renders it without measuring.

LangChain, LlamaIndex and Haystack are compared if a virtual environment with them exists, because they need other
versions than Refdesk. `--peers-python VENV/bin/python` names its interpreter, `--peers DIR` the folder with their
drivers (default: `../shared/peers`, whose README explains the installation).
"""


@dataclass(frozen=True, slots=True)
class Section:
    """Heading and text of one part."""

    title: str
    text: str


def write_page(results: Sequence[BenchmarkResult], sections: dict[str, Section], path: Path) -> None:
    """Write the page, and its charts into the folder of the same name."""
    folder = path.with_suffix("")
    charts = [chart for result in results for chart in result.charts]
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.svg"):
        old.unlink()
    for chart in charts:
        draw_chart(chart, folder / f"{chart.name}.svg")
    path.write_text(render_page(results, sections), encoding="utf-8")


def render_page(results: Sequence[BenchmarkResult], sections: dict[str, Section]) -> str:
    """Return the page as Markdown, with the results in the order of the sections."""
    by_part = {result.part: result for result in results}
    present = [by_part[part] for part in sections if part in by_part]
    blocks = [HEAD, *_render_machines(present)]
    if targets := [m for result in present for m in result.measurements if m.has_target]:
        blocks.append("## Targets\n\n" + _render_targets(targets))
    blocks += [_render_section(result, sections[result.part]) for result in present]
    return "\n".join([*blocks, HOW_TO_RUN])


def _render_section(result: BenchmarkResult, section: Section) -> str:
    blocks = [f"## {section.title}", section.text.strip(), result.conditions]
    blocks += [_render_table(table) for table in result.tables]
    if result.measurements:
        blocks.append(_render_measurements(result.measurements))
    blocks += [f"![{chart.title}](performance/{chart.name}.svg)" for chart in result.charts]
    blocks += result.notes
    return "\n\n".join(block for block in blocks if block) + "\n"


def _render_machines(results: Sequence[BenchmarkResult]) -> list[str]:
    """Return one paragraph for each machine, with the parts measured on it if there are several."""
    parts: dict[Machine, list[BenchmarkResult]] = {}
    for result in results:
        if result.machine is not None:
            parts.setdefault(result.machine, []).append(result)
    blocks = []
    for machine, measured in parts.items():
        what = "Measured" if len(parts) == 1 else f"{', '.join(r.part for r in measured)}: measured"
        days = sorted({result.date for result in measured})
        when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
        features = ", ".join(machine.features) or "no vector extensions"
        blocks.append(
            f"{what} on {when} with {machine.cores} cores of {machine.cpu} ({features}), {machine.memory_gb} GB of"
            f" memory, no GPU; {', '.join(machine.libraries)}.\n"
        )
    return blocks


def _render_targets(measurements: Iterable[Measurement]) -> str:
    rows = [
        (m.name, format_reached(m), format_target(m), "yes" if m.is_met else "**no**", m.baseline_name)
        for m in measurements
    ]
    return _render_table(Table(("what", "reached", "target", "met", "against"), tuple(rows))) + "\n"


def _render_measurements(measurements: Iterable[Measurement]) -> str:
    rows = []
    for m in measurements:
        baseline = "" if m.baseline is None else f"{format_number(m.baseline)} ({m.baseline_name})"
        ratio = "" if m.ratio is None else f"{m.ratio:.2f}"
        rows.append((m.name, f"{format_number(m.value)} {m.unit}".strip(), baseline, ratio))
    return _render_table(Table(("what", "value", "baseline", "ratio"), tuple(rows)))


def _render_table(table: Table) -> str:
    lines = [table.columns, ("---", *["---:"] * (len(table.columns) - 1)), *table.rows]
    rendered = "\n".join(f"| {' | '.join(line)} |".replace("|  |", "| |").replace("|  |", "| |") for line in lines)
    return f"{table.title}\n\n{rendered}" if table.title else rendered


def format_reached(measurement: Measurement) -> str:
    """Format what the target of a measurement applies to: its ratio, or its value without a baseline."""
    if measurement.ratio is not None:
        return f"{measurement.ratio:.2f}×"
    return f"{format_number(measurement.value)} {measurement.unit}".strip()


def format_target(measurement: Measurement) -> str:
    """Format the target of a measurement, like "≥ 0.90×" or "≤ 12 ms"."""
    suffix = "×" if measurement.ratio is not None else f" {measurement.unit}".rstrip()
    limits = [("≥", measurement.at_least), ("≤", measurement.at_most)]
    digits = "{:.2f}" if measurement.ratio is not None else "{:,g}"
    return " and ".join(f"{sign} {digits.format(limit)}{suffix}" for sign, limit in limits if limit is not None)


def format_number(value: float) -> str:
    """Format a number with three significant digits and thousands separators."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"
