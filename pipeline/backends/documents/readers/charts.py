"""Read the charts and SmartArt diagrams of Office files from their XML parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.backends.documents.readers.ooxml import XmlElement, local_name
from pipeline.backends.documents.readers.sheets.cell_formats import format_number
from pipeline.parse import Element, format_table

MAX_POINTS = 10_000
"""Maximum points of a series that are read."""

_CATEGORY_AXES = ("catAx", "dateAx")


@dataclass(frozen=True, slots=True)
class _Series:
    name: str
    categories: tuple[str, ...]
    values: tuple[str, ...]


def read_chart(root: XmlElement, page: int | None = None) -> list[Element]:
    """Build the caption and the table of a chart from the root element of its part.

    The values are those that the file stores for display. Equal values of different points are kept.
    """
    titles = [(local_name(title.getparent()), _join_texts(title)) for title in root.iter("{*}title")]
    category_title = next((text for parent, text in titles if text and parent in _CATEGORY_AXES), "")
    caption = ", ".join(dict.fromkeys(text for parent, text in titles if text and parent not in _CATEGORY_AXES))
    elements = [Element("paragraph", caption, page=page)] if caption else []
    groups = _group_series(list(_read_series(root)))
    elements += [Element("table", format_table(_build_rows(group, category_title)), page=page) for group in groups]
    labels = dict.fromkeys(_join_texts(label) for label in root.iterfind(".//{*}dLbl/{*}tx"))
    return elements + [Element("paragraph", label, page=page) for label in labels if label]


def read_diagram(root: XmlElement, page: int | None = None) -> list[Element]:
    """Return the texts of a SmartArt diagram, one per line."""
    bodies = (body for body in root.iter("{*}t") if body.find("{*}p") is not None)
    lines = [text for body in bodies if (text := _join_texts(body))]
    return [Element("paragraph", "\n".join(lines), page=page)] if lines else []


def find_sources(root: XmlElement) -> list[str]:
    """Return the references to cells, such as `Sheet1!$A$1:$A$4`, that the values of a chart come from."""
    return [str(node.text or "") for node in root.iterfind(".//{*}f")]


def _read_series(root: XmlElement) -> Iterator[_Series]:
    for node in root.iterfind(".//{*}ser"):
        categories = _read_points(node, "cat") or _read_points(node, "xVal")
        values = _read_points(node, "val") or _read_points(node, "yVal")
        name = " ".join(_join_texts(node.find("{*}tx")).split())
        yield _Series(name, categories, values)
        if sizes := _read_points(node, "bubbleSize"):
            yield _Series(f"{name} (size)", categories, sizes)
    for node in root.iterfind(".//{*}series"):  # the charts of Office 2016: waterfall, treemap, …
        identifier = node.find("{*}dataId")
        data = root.find(f".//{{*}}data[@id='{identifier.get('val', '')}']") if identifier is not None else None
        if data is not None:
            texts, numbers = (_read_levels(data.find(f"{{*}}{name}")) for name in ("strDim", "numDim"))
            yield _Series(_join_texts(node.find("{*}tx")), texts, numbers)


def _read_points(series: XmlElement, name: str) -> tuple[str, ...]:
    source = series.find(f"{{*}}{name}")
    if source is None:
        return ()
    levels = [_read_level(level) for level in source.iterfind(".//{*}lvl")]
    return _join_levels(levels) if levels else _read_level(source)


def _read_levels(dimension: XmlElement | None) -> tuple[str, ...]:
    return _join_levels([_read_level(level) for level in dimension.iterfind("{*}lvl")]) if dimension is not None else ()


def _join_levels(levels: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Join the levels of categories, of which the outer ones name their first category only."""
    filled = []
    for level in levels[1:]:
        outer = list(level)
        for n in range(1, len(outer)):
            outer[n] = outer[n] or outer[n - 1]
        filled.append(outer)
    inner = levels[0] if levels else ()
    return tuple(
        " ".join([*(level[n] for level in reversed(filled) if n < len(level) and level[n]), text])
        for n, text in enumerate(inner)
    )


def _read_level(cache: XmlElement) -> tuple[str, ...]:
    code = next((node.text or "" for node in cache.iter("{*}formatCode")), "") or cache.get("formatCode", "")
    points: dict[int, str] = {}
    for point in cache.iter("{*}pt"):
        index = int(point.get("idx") or 0)
        if index < MAX_POINTS:
            text = point.findtext("{*}v") or point.text or ""
            points[index] = _format_value(text.strip(), point.get("formatCode") or code)
    return tuple(points.get(n, "") for n in range(max(points, default=-1) + 1))


def _format_value(text: str, code: str) -> str:
    try:
        return format_number(float(text), code) if code else text
    except ValueError:
        return text


def _group_series(series: Sequence[_Series]) -> Iterator[list[_Series]]:
    """Group consecutive series that have the same categories."""
    group: list[_Series] = []
    for one in series:
        if group and one.categories and group[0].categories and one.categories != group[0].categories:
            yield group
            group = []
        group.append(one)
    if group:
        yield group


def _build_rows(group: Sequence[_Series], category_title: str) -> list[list[str]]:
    categories = next((series.categories for series in group if series.categories), ())
    count = max((len(categories), *(len(series.values) for series in group)))
    header = [category_title, *(series.name or f"Series {n}" for n, series in enumerate(group, 1))]
    rows = [[_get(categories, n) or str(n + 1), *(_get(series.values, n) for series in group)] for n in range(count)]
    return [header, *(row for row in rows if any(row[1:]) or categories)]


def _get(texts: Sequence[str], index: int) -> str:
    return texts[index] if index < len(texts) else ""


def _join_texts(node: XmlElement | None) -> str:
    """Join the text nodes of an element, paragraph by paragraph."""
    if node is None:
        return ""
    paragraphs = list(node.iter("{*}p")) or [node]
    lines = ("".join(text.text or "" for text in part.iter("{*}t", "{*}v")) for part in paragraphs)
    return " ".join(line.strip() for line in lines if line.strip())
