"""Put recognised lines into reading order and join them to paragraphs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from pipeline.backends.documents.ocr_engine import Line
from pipeline.parse import unwrap_lines
from pipeline.text.scripts import CHINESE_JAPANESE

MIN_COLUMN_LINES = 3
"""Lines that each of two columns has at least."""
MIN_COLUMN_SHAPE = 8
"""Mean length to height of the lines of a column; shorter ones are cells of a table, which is read row by row."""
MAX_CROSSING = 0.3
"""Share of lines, such as headings, that may cross the gap between two columns."""

_CHINESE = re.compile(f"[{CHINESE_JAPANESE}]")
_SPLIT_NUMBER = re.compile(r"(?<=\d)\n(?=\d)")  # lines of Chinese text end anywhere
_HYPHENATED = re.compile(r"(?<=[^\W\d_])-\n(?=[a-zà-öø-ÿ])")


def build_paragraphs(lines: Sequence[Line]) -> list[str]:
    """Return the paragraphs of a page in reading order; the cells of a row are separated by ` | `."""
    paragraphs: list[str] = []
    for column in split_columns(lines):
        rows = _group_rows(column)
        current: list[str] = []
        for number, row in enumerate(rows):
            if number and _starts_paragraph(rows[number - 1], row):
                paragraphs.append(_join(current))
                current = []
            current.append(_join_cells(row))
        paragraphs.append(_join(current))
    return [paragraph for paragraph in paragraphs if paragraph]


def split_columns(lines: Sequence[Line]) -> list[list[Line]]:
    """Split lines into columns in reading order; lines that cross a gap are read between what is above and below."""
    gap = _find_gap(lines)
    if gap is None:
        return [sorted(lines, key=lambda line: line.top)] if lines else []
    crossing = sorted((line for line in lines if line.left < gap < line.right), key=lambda line: line.top)
    result: list[list[Line]] = []
    above = -float("inf")
    for limit in (*crossing, None):
        band = [line for line in lines if above <= line.top < (limit.top if limit else float("inf"))]
        left = [line for line in band if line.right <= gap]
        right = [line for line in band if line.left >= gap]
        result += split_columns(left) + split_columns(right) + ([[limit]] if limit else [])
        above = limit.top if limit else above
    return _merge_single_lines(result, crossing)


def _merge_single_lines(columns: list[list[Line]], crossing: Sequence[Line]) -> list[list[Line]]:
    """Join neighbouring columns that consist of crossing lines only, so that a wide paragraph stays one."""
    wide = {id(line) for line in crossing}
    merged: list[list[Line]] = []
    for column in columns:
        if merged and all(id(line) in wide for line in (*merged[-1], *column)):
            merged[-1] += column
        else:
            merged.append(column)
    return merged


def _find_gap(lines: Sequence[Line]) -> float | None:
    """Return the position of the gap between two columns of text, or None."""
    best: tuple[int, float, float] | None = None
    edges = sorted({line.right for line in lines})
    for edge in edges:
        following = [line.left for line in lines if line.left > edge]
        gap = (edge + min(following)) / 2 if following else None
        if gap is None or not _separates_columns(lines, gap):
            continue
        crossing = sum(line.left < gap < line.right for line in lines)
        candidate = (crossing, edge - min(following), gap)
        best = min(best, candidate) if best else candidate
    return best[2] if best else None


def _separates_columns(lines: Sequence[Line], gap: float) -> bool:
    sides = ([line for line in lines if line.right <= gap], [line for line in lines if line.left >= gap])
    if len(lines) - len(sides[0]) - len(sides[1]) > MAX_CROSSING * len(lines):
        return False
    return all(
        len(side) >= MIN_COLUMN_LINES and sum(line.width / line.height for line in side) >= MIN_COLUMN_SHAPE * len(side)
        for side in sides
    )


def _group_rows(lines: Sequence[Line]) -> list[list[Line]]:
    """Group lines of one height into rows, each from left to right."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: line.top + line.bottom):
        middle = (line.top + line.bottom) / 2
        if rows and all(other.top < middle < other.bottom for other in rows[-1]):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda line: line.left) for row in rows]


def _starts_paragraph(above: Sequence[Line], row: Sequence[Line]) -> bool:
    height = median(line.height for line in (*above, *row))
    distance = min(line.top for line in row) - max(line.bottom for line in above)
    sizes = max(line.height for line in above), max(line.height for line in row)
    return distance > 0.8 * height or max(sizes) > 1.5 * min(sizes)


def _join_cells(row: Sequence[Line]) -> str:
    text = row[0].text
    for before, cell in pairwise(row):
        text += (" | " if cell.left - before.right > 1.5 * cell.height else " ") + cell.text
    return text


def _join(rows: Sequence[str]) -> str:
    text = _HYPHENATED.sub("\x02", "\n".join(rows))
    if 2 * len(_CHINESE.findall(text)) > len(text):
        text = _SPLIT_NUMBER.sub("\x02", text)
    return text.replace("\x02", "") if " | " in text else unwrap_lines(text)
