"""Read the charts and SmartArt diagrams of Office files from their XML parts."""

from __future__ import annotations

from itertools import zip_longest

from pipeline.backends.documents.readers.ooxml import XmlElement, attribute, child, descendants, name_of
from pipeline.parse import Element, format_table

MAX_POINTS = 5_000
"""Points of a series that are read."""


def read_chart(root: XmlElement) -> list[Element]:
    """Return the titles of a chart and its axes as a caption, and its data as a table with one column per series."""
    titles = [text for title in descendants(root, "c:title") if (text := _read_text(title))]
    series = list(descendants(root, "c:ser"))
    categories: list[str] = []
    columns = []
    for each in series:
        found = _read_points(child(each, "c:cat")) or _read_points(child(each, "c:xVal"))
        if len(found) > len(categories):
            categories = found
        values = _read_points(child(each, "c:val")) or _read_points(child(each, "c:yVal"))
        columns.append([" ".join(_read_points(child(each, "c:tx"))) or _read_text(child(each, "c:tx")), *values])
        sizes = _read_points(child(each, "c:bubbleSize"))
        columns += [["Size", *sizes]] if sizes else []
    rows = [list(row) for row in zip_longest(["", *categories], *columns, fillvalue="")] if columns else []
    caption = [Element("paragraph", ", ".join(dict.fromkeys(titles)))] if titles else []
    return [*caption, Element("table", format_table(rows))]


def read_diagram(root: XmlElement) -> list[Element]:
    """Return the texts of a SmartArt diagram, one per line."""
    lines = [text for body in descendants(root, "dgm:t") if (text := _read_text(body))]
    return [Element("paragraph", "\n".join(lines))] if lines else []


def _read_text(element: XmlElement | None) -> str:
    """Return the text in an element, its paragraphs separated by spaces."""
    parts = [" " if name_of(node) == "a:p" else node.text or "" for node in descendants(element, "a:p", "a:t")]
    return " ".join("".join(parts).split())


def _read_points(element: XmlElement | None) -> list[str]:
    """Return the cached values of a series in order of their index; levels of a category are joined."""
    levels = list(descendants(element, "c:lvl")) or ([] if element is None else [element])
    columns: list[dict[int, str]] = []
    for level in reversed(levels):
        points: dict[int, str] = {}
        code = next((node.text or "" for node in descendants(level, "c:formatCode")), "")
        for point in descendants(level, "c:pt"):
            index, value = attribute(point, "idx"), child(point, "c:v")
            if value is not None and index.isdigit() and int(index) < MAX_POINTS:
                points[int(index)] = _format_value(value.text or "", code)
        columns.append(points)
    if not columns and element is not None and (value := next(descendants(element, "c:v"), None)) is not None:
        return [value.text or ""]
    length = max((index + 1 for points in columns for index in points), default=0)
    return [" ".join(filter(None, (points.get(index, "") for points in columns))) for index in range(length)]


def _format_value(text: str, code: str) -> str:
    """Write a value as a percentage if its number format is one, and without the noise of binary fractions."""
    try:
        number = float(text)
    except ValueError:
        return text
    if "%" in code:
        return f"{number * 100:.10g} %"
    return f"{number:.12g}" if len(text) > 12 and "e" not in text.lower() else text
