"""Put the shapes of a slide into reading order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.parse import Element

MAX_DEPTH = 20
"""Rows and columns inside each other."""
_OVERLAP = 0.2
"""Share of a shape at each side that may overlap its neighbour: the frame of a text is larger than the text."""


@dataclass(frozen=True, slots=True)
class Box:
    """The elements of a shape and its position; the unit does not matter."""

    left: float
    top: float
    right: float
    bottom: float
    elements: list[Element]


def sort_boxes(boxes: Sequence[Box], depth: int = 0) -> list[Box]:
    """Sort shapes: columns from left to right, rows from top to bottom, a grid of several rows row by row."""
    if len(boxes) < 2 or depth > MAX_DEPTH:
        return sorted(boxes, key=lambda box: (box.top, box.left))
    rows = _cut(boxes, lambda box: (box.top, box.bottom))
    columns = _cut(boxes, lambda box: (box.left, box.right))
    if len(columns) > 1 and not _is_grid(rows, len(columns)):
        groups = columns
    elif len(rows) > 1:
        groups = rows
    else:
        groups = columns
    if len(groups) < 2:
        return sorted(boxes, key=lambda box: (box.top, box.left))
    return [box for group in groups for box in sort_boxes(group, depth + 1)]


def _is_grid(rows: Sequence[Sequence[Box]], columns: int) -> bool:
    return len(rows) > 2 and all(len(row) == columns for row in rows)


def _cut(boxes: Sequence[Box], extent: Callable[[Box], tuple[float, float]]) -> list[list[Box]]:
    """Group boxes between the gaps along one axis."""
    groups: list[list[Box]] = []
    reach = 0.0
    for box in sorted(boxes, key=lambda box: sum(extent(box))):
        start, end = extent(box)
        margin = _OVERLAP * (end - start)
        if groups and start + margin < reach:
            groups[-1].append(box)
            reach = max(reach, end - margin)
        else:
            groups.append([box])
            reach = end - margin
    return groups
