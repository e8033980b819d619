"""Draw ranks before and after reranking: recall on the left, reranked order on the right, one line per passage.

The dark background is readable in Discord's dark and light themes. The size is chosen for a width of 500 pixels.
matplotlib is imported when the first picture is drawn; its object interface keeps no state between pictures.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bot.locales.texts import DEFAULT_LANGUAGE, Texts, texts_for
from bot.render import sanitize
from bot.render.fonts import font_families, measure_width, remove_undrawable, truncate_to_width
from db.traces import TraceCandidate, TraceView

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_ROWS = 10
"""Number of ranks that get a row."""
WIDTH_IN = 5.0
DPI = 200
FONT_SIZE_PT = 9
"""Font size in points; 12 pixels at a picture width of 500 pixels."""
LABEL_WIDTH_PT = 186
"""Maximum width in points of a label: citation number, title and page."""

BACKGROUND, TEXT_COLOUR, MUTED_COLOUR, UNREAD_COLOUR = "#1f2125", "#f2f3f5", "#a5a9b1", "#4a4e57"
CITED_COLOURS = ("#6ea8fe", "#f0b45b", "#63c793", "#e887b8", "#b39df3", "#5fc9d6", "#e8895f", "#c9cf6a")
"""Colours of cited passages, by citation number."""
READ_COLOUR = "#d4d7dc"
LEFT, RIGHT, GAP = 0.0, 1.0, 0.11

_draw_lock = threading.Lock()
"""Only one picture is drawn at a time: the fonts are shared, and parallel drawing takes CPU time from the bot."""


@dataclass(frozen=True, slots=True)
class _PlotRow:
    """A passage and its rows in the picture."""

    candidate: TraceCandidate
    before: float
    after: float | None
    """Row after reranking, from 0; None if it is below the last row."""


def draw_rank_plot(trace: TraceView, t: Texts) -> bytes:
    """Draw the ranks as a PNG, which takes about half a second of CPU time; empty without candidates."""
    if not trace.candidates:
        return b""
    with _draw_lock:
        # Use English labels if no installed font has the characters of the language.
        return _draw_png(
            trace, t if remove_undrawable(t("plot-recall")) == t("plot-recall") else texts_for(DEFAULT_LANGUAGE)
        )


def _draw_png(trace: TraceView, t: Texts) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    lines = _select_rows(trace.candidates)
    rows = min(MAX_ROWS, len(trace.candidates))
    bottom = max([line.before for line in lines] + [rows - 1 + (0.9 if len(trace.candidates) > MAX_ROWS else 0)])
    figure = Figure(figsize=(WIDTH_IN, 0.62 + 0.29 * (bottom + 1)), dpi=DPI, facecolor=BACKGROUND)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.075, 0.0, 0.36, 1.0))
    axes.set_axis_off()
    axes.set_xlim(LEFT, RIGHT)
    axes.set_ylim(bottom + 0.75, -1.55)
    _draw_text(axes, LEFT, -1.05, t("plot-recall"), MUTED_COLOUR, align="center")
    _draw_text(axes, RIGHT, -1.05, t("plot-rank"), MUTED_COLOUR, align="center")
    for line in sorted(lines, key=lambda item: _emphasis(item.candidate, trace)):
        _draw_line(axes, line, trace, rows)
        _draw_labels(axes, line, trace, t)
    if len(trace.candidates) > MAX_ROWS:
        _draw_text(axes, RIGHT + GAP, rows - 0.1, t("plot-more", n=len(trace.candidates) - MAX_ROWS), MUTED_COLOUR)
    target = io.BytesIO()
    figure.savefig(target, format="png", facecolor=BACKGROUND)
    return target.getvalue()


def _select_rows(candidates: Sequence[TraceCandidate]) -> list[_PlotRow]:
    """Select the passages in the first rows on either side; those from lower recall ranks are drawn closer together."""
    first = [c for c in candidates if c.rank <= MAX_ROWS]
    dropped = [c for c in candidates if c.rank > MAX_ROWS and c.recall_rank <= MAX_ROWS]
    promoted = sorted((c for c in first if c.recall_rank > MAX_ROWS), key=lambda c: c.recall_rank)
    before = {c.chunk_id: float(c.recall_rank - 1) for c in (*first, *dropped) if c.recall_rank <= MAX_ROWS}
    before |= {c.chunk_id: MAX_ROWS - 0.25 + 0.8 * index for index, c in enumerate(promoted)}
    return [
        _PlotRow(c, before[c.chunk_id], float(c.rank - 1) if c.rank <= MAX_ROWS else None) for c in (*first, *dropped)
    ]


def _emphasis(candidate: TraceCandidate, trace: TraceView) -> int:
    if candidate.citation is not None:
        return 2
    return 1 if candidate in trace.read else 0


def _row_colour(candidate: TraceCandidate, trace: TraceView) -> str:
    if candidate.citation is not None:
        return CITED_COLOURS[(candidate.citation - 1) % len(CITED_COLOURS)]
    return READ_COLOUR if candidate in trace.read else UNREAD_COLOUR


def _draw_line(axes: Axes, line: _PlotRow, trace: TraceView, rows: int) -> None:
    weight = _emphasis(line.candidate, trace)
    colour = _row_colour(line.candidate, trace)
    end = line.after if line.after is not None else rows - 0.1
    xs, ys = _ease_curve(line.before, end)
    fade = 0.55 if line.after is None else 1.0
    axes.plot(
        xs,
        ys,
        color=colour,
        linewidth=(1.1, 1.7, 2.8)[weight],
        alpha=fade,
        solid_capstyle="round",
        clip_on=False,
        zorder=weight,
    )


def _ease_curve(start: float, end: float) -> tuple[list[float], list[float]]:
    """Return a curve that starts and ends horizontally, which keeps crossing lines distinguishable."""
    steps = [step / 40 for step in range(41)]
    eased = [step * step * (3 - 2 * step) for step in steps]
    reach = [LEFT + 0.09 + (RIGHT - LEFT - 0.18) * step for step in steps]
    return reach, [start + (end - start) * ease for ease in eased]


def _draw_labels(axes: Axes, line: _PlotRow, trace: TraceView, t: Texts) -> None:
    candidate = line.candidate
    weight = _emphasis(candidate, trace)
    colour = _row_colour(candidate, trace)
    _draw_badge(axes, LEFT, line.before, str(candidate.recall_rank), colour, weight)
    if line.after is None:
        return
    _draw_badge(axes, RIGHT, line.after, str(candidate.rank), colour, weight)
    ink = (MUTED_COLOUR, TEXT_COLOUR, colour)[weight]
    _draw_text(axes, RIGHT + GAP, line.after, _format_label(candidate, t, bold=weight == 2), ink, bold=weight == 2)


def _draw_badge(axes: Axes, x: float, y: float, text: str, colour: str, weight: int) -> None:
    if weight == 2:
        axes.plot([x], [y], marker="o", markersize=13, color=colour, clip_on=False, zorder=4)
    _draw_text(axes, x, y, text, (MUTED_COLOUR, READ_COLOUR, BACKGROUND)[weight], align="center", bold=weight == 2)


def _draw_text(
    axes: Axes,
    x: float,
    y: float,
    text: str,
    colour: str,
    *,
    align: Literal["left", "center"] = "left",
    bold: bool = False,
) -> None:
    axes.text(
        x,
        y,
        text,
        color=colour,
        fontsize=FONT_SIZE_PT,
        fontfamily=font_families(),
        fontweight="bold" if bold else "normal",
        ha=align,
        va="center_baseline",
        clip_on=False,
        zorder=5,
        parse_math=False,
    )


def _format_label(candidate: TraceCandidate, t: Texts, *, bold: bool) -> str:
    """Format the label of a passage, with the document's ID if no font has the characters of its title."""
    title = (
        remove_undrawable(sanitize.plain_line(candidate.title or candidate.source, 200)) or f"#{candidate.document_id}"
    )
    cited = f"[{candidate.citation}] " if candidate.citation is not None else ""
    page = f"  {t('page', page=str(candidate.page))}" if candidate.page else ""
    room_pt = LABEL_WIDTH_PT - measure_width(cited + page, FONT_SIZE_PT, bold=bold)
    return f"{cited}{truncate_to_width(title, FONT_SIZE_PT, room_pt, bold=bold)}{page}"
