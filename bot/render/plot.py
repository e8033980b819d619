"""Draw ranks before and after reranking: search order on the left, reranked order on the right, one line per passage.

The dark background is readable in Discord's dark and light themes. The size is chosen for a width of 500 pixels.
matplotlib is imported when the first picture is drawn; its object interface keeps no state between pictures.
"""

from __future__ import annotations

import io
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
MAX_LABEL_WIDTH_PT = 206
"""Maximum width in points of a label: citation number, title, heading and page."""
MIN_TITLE_WIDTH_PT = 44
"""Width in points that a title keeps if a long heading follows it."""
LEFT_MARGIN_PT, RIGHT_MARGIN_PT = 30, 10
LABEL_GAP_PT, LINE_GAP_PT = 14, 11
"""Distance from the centre of a rank to its label, and to its line."""

BACKGROUND, TEXT_COLOUR, MUTED_COLOUR, UNREAD_COLOUR = "#1f2125", "#f2f3f5", "#a5a9b1", "#4a4e57"
CITED_COLOURS = ("#6ea8fe", "#f0b45b", "#63c793", "#e887b8", "#b39df3", "#5fc9d6", "#e8895f", "#c9cf6a")
"""Colours of cited passages, by citation number."""
READ_COLOUR = "#d4d7dc"
LEFT, RIGHT = 0.0, 1.0

_draw_lock = threading.Lock()
"""Only one picture is drawn at a time: the fonts are shared, and parallel drawing takes CPU time from the bot."""


@dataclass(frozen=True, slots=True)
class _PlotRow:
    """A passage and its rows in the picture."""

    candidate: TraceCandidate
    before: float
    after: float | None
    """Row after reranking, from 0; None if it is below the last row."""
    label: str = ""


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

    lines = _add_labels(_select_rows(trace.candidates), t)
    rows = min(MAX_ROWS, len(trace.candidates))
    bottom = _last_row(trace.candidates)
    figure = Figure(figsize=(WIDTH_IN, 0.62 + 0.29 * (bottom + 1)), dpi=DPI, facecolor=BACKGROUND)
    FigureCanvasAgg(figure)
    # The lines take the room that the labels leave.
    more = t("plot-more", n=len(trace.candidates) - MAX_ROWS) if len(trace.candidates) > MAX_ROWS else ""
    texts = [(line.label, line.candidate.citation is not None) for line in lines] + [(more, False)]
    labels_pt = max(measure_width(text, FONT_SIZE_PT, bold=bold) for text, bold in texts)
    width_pt = WIDTH_IN * 72
    lines_pt = width_pt - LEFT_MARGIN_PT - RIGHT_MARGIN_PT - LABEL_GAP_PT - max(labels_pt, LABEL_GAP_PT)
    axes = figure.add_axes((LEFT_MARGIN_PT / width_pt, 0.0, lines_pt / width_pt, 1.0))
    axes.set_axis_off()
    axes.set_xlim(LEFT, RIGHT)
    axes.set_ylim(bottom + 0.75, -1.55)
    _draw_text(axes, LEFT, -1.05, t("plot-recall"), MUTED_COLOUR, align="center")
    _draw_text(axes, RIGHT, -1.05, t("plot-rank"), MUTED_COLOUR, align="center")
    for line in sorted(lines, key=lambda item: _emphasis(item.candidate, trace)):
        _draw_line(axes, line, trace, rows)
        _draw_labels(axes, line, trace)
    if more:
        _draw_text(axes, RIGHT + _to_axis(axes, LABEL_GAP_PT), rows - 0.1, more, MUTED_COLOUR)
    target = io.BytesIO()
    figure.savefig(target, format="png", facecolor=BACKGROUND)
    return target.getvalue()


def _select_rows(candidates: Sequence[TraceCandidate]) -> list[_PlotRow]:
    """Select the passages in the first rows on either side; more than that are drawn closer together on the left."""
    first = [c for c in candidates if c.rank <= MAX_ROWS]
    dropped = [c for c in candidates if c.rank > MAX_ROWS and c.recall_rank <= MAX_ROWS]
    found = sorted((*first, *dropped), key=lambda c: c.recall_rank)
    step = min(1.0, _last_row(candidates) / max(1, len(found) - 1))
    before = {c.chunk_id: step * index for index, c in enumerate(found)}
    return [
        _PlotRow(c, before[c.chunk_id], float(c.rank - 1) if c.rank <= MAX_ROWS else None) for c in (*first, *dropped)
    ]


def _last_row(candidates: Sequence[TraceCandidate]) -> float:
    """Return the lowest row: the last rank, or the number of further passages below it."""
    return MAX_ROWS - 0.1 if len(candidates) > MAX_ROWS else float(len(candidates) - 1)


def _to_axis(axes: Axes, points: float) -> float:
    """Convert a horizontal distance in points to the unit of the axis, the distance between the two sides."""
    return points / (axes.get_position().width * WIDTH_IN * 72)


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
    xs, ys = _ease_curve(line.before, end, _to_axis(axes, LINE_GAP_PT))
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


def _ease_curve(start: float, end: float, gap: float) -> tuple[list[float], list[float]]:
    """Return a curve that starts and ends horizontally, which keeps crossing lines distinguishable."""
    steps = [step / 40 for step in range(41)]
    eased = [step * step * (3 - 2 * step) for step in steps]
    reach = [LEFT + gap + (RIGHT - LEFT - 2 * gap) * step for step in steps]
    return reach, [start + (end - start) * ease for ease in eased]


def _draw_labels(axes: Axes, line: _PlotRow, trace: TraceView) -> None:
    candidate = line.candidate
    weight = _emphasis(candidate, trace)
    colour = _row_colour(candidate, trace)
    _draw_badge(axes, LEFT, line.before, str(candidate.recall_rank), colour, weight)
    if line.after is None:
        return
    _draw_badge(axes, RIGHT, line.after, str(candidate.rank), colour, weight)
    ink = (MUTED_COLOUR, TEXT_COLOUR, colour)[weight]
    _draw_text(axes, RIGHT + _to_axis(axes, LABEL_GAP_PT), line.after, line.label, ink, bold=weight == 2)


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


def _add_labels(rows: Sequence[_PlotRow], t: Texts) -> list[_PlotRow]:
    """Add labels to the rows of the right side; passages of one document are distinguished by heading and page."""
    labelled = [row.candidate for row in rows if row.after is not None]
    counts = Counter(candidate.document_id for candidate in labelled)
    return [
        replace(row, label=_format_label(row.candidate, t, same=counts[row.candidate.document_id], rows=len(labelled)))
        if row.after is not None
        else row
        for row in rows
    ]


def _format_label(candidate: TraceCandidate, t: Texts, *, same: int, rows: int) -> str:
    """Format the label of a passage.

    Args:
        candidate: The passage.
        t: Texts in the user's language.
        same: Number of rows with a passage of the same document, including this one.
        rows: Number of rows. If all passages are of one document, its title is omitted.
    """
    bold = candidate.citation is not None
    cited = f"[{candidate.citation}] " if candidate.citation is not None else ""
    page = t("page", page=str(candidate.page)) if candidate.page else ""
    heading = _drawable(candidate.headings[-1]) if candidate.headings and same > 1 else ""
    title = _drawable(candidate.title or candidate.source) or f"#{candidate.document_id}"
    if 1 < same == rows and (heading or page):
        title = ""
    ending = f"  {page}" if page and (title or heading) else page
    room_pt = MAX_LABEL_WIDTH_PT - measure_width(cited + ending, FONT_SIZE_PT, bold=bold)
    if title and heading:
        heading = f" › {heading}"
        left_pt = room_pt - measure_width(heading, FONT_SIZE_PT, bold=bold)
        title = truncate_to_width(title, FONT_SIZE_PT, max(left_pt, MIN_TITLE_WIDTH_PT), bold=bold)
    name = title + heading
    return f"{cited}{truncate_to_width(name, FONT_SIZE_PT, room_pt, bold=bold)}{ending}"


def _drawable(text: str) -> str:
    """Return a text on one line, without characters that no font has."""
    return remove_undrawable(sanitize.plain_line(text, 200))
