"""Find tables whose lines are drawn on a PDF page, and put its words into their cells."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pipeline.backends.documents.readers.pdf_layout import CELL_GAP, Grid, build_rows, merge_intervals
from pipeline.backends.documents.readers.pdf_spans import HYPHEN, Span, orient

if TYPE_CHECKING:
    from pypdfium2 import PdfPage

MAX_SEGMENTS = 4_000
"""Maximum segments of drawn paths that are examined on a page."""
MAX_LINES = 250
"""Maximum horizontal or vertical lines of a page; more are a drawing, no table."""

MAX_CELLS = 5_000
"""Maximum cells of a table with drawn lines; more are graph paper."""

MIN_RULES = 3
"""Minimum horizontal lines of a table without vertical ones."""

_TOLERANCE = 3.0  # points
_MIN_LENGTH = 6.0
_UNDERLINE_LOW, _STROKE_LOW, _STROKE_HIGH = -0.25, 0.12, 0.45  # above the baseline, in font sizes
_FRACTION_HEIGHT = 0.8  # from the bar to the middle of the numerator or denominator, in font sizes
_MAX_CELL_CHARS = 2_000
_MIN_FILLED = 0.3  # of the cells contain text
_MIN_SEPARATE = 0.6  # of the cells are not merged; coloured backgrounds of words look like merged cells


@dataclass(frozen=True, slots=True)
class Line:
    """A horizontal or vertical line in oriented coordinates."""

    at: float
    """Its y if horizontal, its x if vertical."""
    low: float
    high: float


def find_grids(
    horizontal: Sequence[Line], vertical: Sequence[Line], spans: list[Span]
) -> tuple[list[Grid], list[Span]]:
    """Return the tables with drawn lines, and the spans outside of them."""
    if not (2 <= len(horizontal) <= MAX_LINES and len(vertical) <= MAX_LINES):
        return [], spans
    grids: list[Grid] = []
    for across, down in _connect(horizontal, vertical, spans):
        xs = _distinct([*(line.at for line in down), *(end for line in across for end in (line.low, line.high))])
        ys = _distinct([*(line.at for line in across), *(end for line in down for end in (line.low, line.high))])
        if len(xs) < 3 or len(ys) < 3 or len(xs) * len(ys) > MAX_CELLS:
            continue
        inside = [s for s in spans if xs[0] < _center(s) < xs[-1] and ys[0] < (s.top + s.bottom) / 2 < ys[-1]]
        cells = _fill(_find_regions(xs, ys, across, down), xs, ys, inside)
        if cells is not None:
            grids.append(Grid(cells, xs[0], xs[-1], ys[0]))
            taken = set(map(id, inside))
            spans = [span for span in spans if id(span) not in taken]
    return grids, spans


def find_strokes(horizontal: Sequence[Line], spans: Sequence[Span]) -> Iterator[tuple[Line, list[Span]]]:
    """Yield the lines that strike out text, with that text: through the middle of its small letters, and no longer."""
    for line in horizontal if len(horizontal) <= MAX_LINES else ():
        crossed = _find_text(line, spans, _STROKE_LOW, _STROKE_HIGH)
        if crossed and not _is_fraction(line, crossed, spans):
            yield line, crossed


def _is_fraction(line: Line, crossed: Sequence[Span], spans: Sequence[Span]) -> bool:
    """Return whether a line is the bar of a fraction or of a letter: text close above or below it, or very short."""
    size = max(span.size for span in crossed)
    return line.high - line.low < size or any(
        abs((span.top + span.bottom) / 2 - line.at) < _FRACTION_HEIGHT * size
        for span in spans
        if span.x0 < line.high and span.x1 > line.low and not any(span is other for other in crossed)
    )


def drop_text_lines(horizontal: Sequence[Line], spans: Sequence[Span]) -> list[Line]:
    """Return the lines without those that strike out or underline text, which belong to no table."""
    if len(horizontal) > MAX_LINES:
        return list(horizontal)
    return [line for line in horizontal if not _find_text(line, spans, _UNDERLINE_LOW, _STROKE_HIGH)]


def _find_text(line: Line, spans: Sequence[Span], low: float, high: float) -> list[Span]:
    """Return the text that a line touches between two heights above the baseline; none if the line is longer."""
    touched = [
        span
        for span in spans
        if span.x0 < line.high and span.x1 > line.low and low * span.size <= span.baseline - line.at <= high * span.size
    ]
    margin = 0.3 * max((span.size for span in touched), default=0.0)
    left, right = min((s.x0 for s in touched), default=0.0), max((s.x1 for s in touched), default=0.0)
    return touched if left - margin <= line.low and line.high <= right + margin else []


def _center(span: Span) -> float:
    return (span.x0 + span.x1) / 2


def read_lines(page: PdfPage, orientation: int) -> tuple[list[Line], list[Line]]:
    """Return the horizontal and vertical lines of the drawn paths, edges of rectangles included."""
    horizontal: list[Line] = []
    vertical: list[Line] = []
    for ax, ay, bx, by in _read_segments(page):
        (x0, y0), (x1, y1) = orient(orientation, ax, ay), orient(orientation, bx, by)
        if abs(y0 - y1) < 1 and abs(x0 - x1) > _MIN_LENGTH:
            horizontal.append(Line((y0 + y1) / 2, min(x0, x1), max(x0, x1)))
        elif abs(x0 - x1) < 1 and abs(y0 - y1) > _MIN_LENGTH:
            vertical.append(Line((x0 + x1) / 2, min(y0, y1), max(y0, y1)))
    return _join(horizontal), _join(vertical)


def _read_segments(page: PdfPage) -> Iterator[tuple[float, float, float, float]]:
    from pypdfium2 import raw

    left = MAX_SEGMENTS
    for index in range(raw.FPDFPage_CountObjects(page)):
        item = raw.FPDFPage_GetObject(page, index)
        if raw.FPDFPageObj_GetType(item) != raw.FPDF_PAGEOBJ_PATH:
            continue
        count = raw.FPDFPath_CountSegments(item)
        left -= count
        if left < 0:
            return
        yield from _read_path(item, count)


def _read_path(path: Any, count: int) -> Iterator[tuple[float, float, float, float]]:
    from pypdfium2 import raw

    matrix = raw.FS_MATRIX()
    raw.FPDFPageObj_GetMatrix(path, matrix)
    x, y = ctypes.c_float(), ctypes.c_float()
    start = last = (0.0, 0.0)
    for index in range(count):
        segment = raw.FPDFPath_GetPathSegment(path, index)
        raw.FPDFPathSegment_GetPoint(segment, x, y)
        point = (
            matrix.a * x.value + matrix.c * y.value + matrix.e,
            matrix.b * x.value + matrix.d * y.value + matrix.f,
        )
        kind = raw.FPDFPathSegment_GetType(segment)
        if kind == raw.FPDF_SEGMENT_MOVETO:
            start = point
        elif kind == raw.FPDF_SEGMENT_LINETO:
            yield (*last, *point)
        last = point
        if raw.FPDFPathSegment_GetClose(segment):
            yield (*last, *start)


def _join(lines: Iterable[Line]) -> list[Line]:
    """Join lines that continue or cover each other."""
    joined: list[Line] = []
    for line in sorted(lines, key=lambda line: (round(line.at / 2), line.low)):
        last = joined[-1] if joined else None
        if last and abs(last.at - line.at) < _TOLERANCE and line.low - last.high < _TOLERANCE:
            joined[-1] = Line(last.at, min(last.low, line.low), max(last.high, line.high))
        else:
            joined.append(line)
    return joined


def _distinct(values: Iterable[float]) -> list[float]:
    result: list[float] = []
    for value in sorted(values):
        if not result or value - result[-1] > _TOLERANCE:
            result.append(value)
    return result


def _connect(
    horizontal: Sequence[Line], vertical: Sequence[Line], spans: Sequence[Span]
) -> Iterator[tuple[list[Line], list[Line]]]:
    """Yield the groups of lines that touch each other, and those of parallel lines with columns in between."""
    single: list[Line] = []
    rest = list(vertical)
    open_lines = list(horizontal)
    while open_lines:
        across: list[Line] = []
        down: list[Line] = []
        queue = [(open_lines.pop(), True)]
        while queue:
            line, is_horizontal = queue.pop()
            (across if is_horizontal else down).append(line)
            others = rest if is_horizontal else open_lines
            touching = [other for other in others if _touch(line, other)]
            others[:] = [other for other in others if not _touch(line, other)]
            queue += [(other, not is_horizontal) for other in touching]
        if down:
            yield across, down
        else:
            single += across
    extents: dict[tuple[int, int], list[Line]] = {}
    for line in single:
        extents.setdefault((round(line.low / 4), round(line.high / 4)), []).append(line)
    for lines in extents.values():
        if len(lines) >= MIN_RULES:
            yield lines, _find_column_lines(sorted(lines, key=lambda line: line.at), spans)


def _find_column_lines(rules: Sequence[Line], spans: Sequence[Span]) -> list[Line]:
    """Return a line between each two columns of a table whose rows are divided by rules; none if rows are not."""
    first, last = rules[0], rules[-1]
    inside = [s for s in spans if first.low - 2 <= _center(s) <= first.high + 2 and first.at < s.baseline < last.at]
    columns = merge_intervals((span.x0, span.x1) for span in inside)
    for upper, lower in pairwise(rules):
        rows = build_rows(span for span in inside if upper.at < (span.top + span.bottom) / 2 < lower.at)
        if sum(len(row.spans) >= len(columns) for row in rows) > 1:
            return []
    return [Line((left[1] + right[0]) / 2, first.at, last.at) for left, right in pairwise(columns)]


def _touch(one: Line, other: Line) -> bool:
    return (
        one.low - _TOLERANCE <= other.at <= one.high + _TOLERANCE
        and other.low - _TOLERANCE <= one.at <= other.high + _TOLERANCE
    )


def _find_regions(xs: Sequence[float], ys: Sequence[float], across: list[Line], down: list[Line]) -> list[list[int]]:
    """Number the cells; cells without a line in between have the same number."""
    columns = len(xs) - 1
    regions = [[row * columns + column for column in range(columns)] for row in range(len(ys) - 1)]
    for row in range(len(ys) - 1):
        for column in range(columns):
            y, x = (ys[row] + ys[row + 1]) / 2, (xs[column] + xs[column + 1]) / 2
            if column and not _is_drawn(down, xs[column], y):
                regions[row][column] = regions[row][column - 1]
            elif row and not _is_drawn(across, ys[row], x):
                regions[row][column] = regions[row - 1][column]
    return regions


def _is_drawn(lines: Sequence[Line], at: float, across: float) -> bool:
    return any(abs(line.at - at) <= _TOLERANCE and line.low <= across <= line.high for line in lines)


def _fill(
    regions: list[list[int]], xs: Sequence[float], ys: Sequence[float], spans: Sequence[Span]
) -> list[list[str]] | None:
    """Return the text of each cell, repeated in merged cells; None if the lines are no table."""
    texts: dict[int, list[str]] = {region: [] for row in regions for region in row}
    divided: set[int] = set()  # cells with columns of their own, which a table does not have
    for line in build_rows(spans):
        y = (line.top + line.bottom) / 2
        row = sum(y > edge for edge in ys[1:-1])
        last: tuple[int, float] | None = None
        for span in line.spans:
            for word, center in _split_words(span):
                region = regions[row][sum(center > edge for edge in xs[1:-1])]
                if last and last[0] == region and span.x0 - last[1] > CELL_GAP * span.size:
                    divided.add(region)
                texts[region].append(word)
                last = (region, span.x1)
    filled = sum(bool(words) for words in texts.values())
    longest = max(sum(map(len, words)) for words in texts.values())
    if (
        len(texts) < max(4, _MIN_SEPARATE * len(regions) * len(regions[0]))
        or divided
        or filled < _MIN_FILLED * len(texts)
        or longest > _MAX_CELL_CHARS
    ):
        return None
    return [[_join_words(texts[region]) for region in row] for row in regions]


def _split_words(span: Span) -> Iterator[tuple[str, float]]:
    """Yield the words of a span with the x of their centre."""
    start = 0
    for index, char in enumerate([*span.chars, " "]):
        if char == " ":
            if index > start:
                yield "".join(span.chars[start:index]), (span.centers[start] + span.centers[index - 1]) / 2
            start = index + 1


def _join_words(words: Iterable[str]) -> str:
    return " ".join(words).replace(f"{HYPHEN} ", "")
