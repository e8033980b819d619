"""Read the body, headers and footers of an OpenDocument text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from pipeline.backends.documents.readers.embedded import EmbeddedFiles
from pipeline.backends.documents.readers.merged_cells import MAX_SPAN, join_header_rows
from pipeline.backends.documents.readers.ooxml import (
    Package,
    XmlElement,
    attribute,
    child,
    children,
    descendants,
    name_of,
)
from pipeline.backends.documents.readers.opendocument.paragraphs import ParagraphReader, note_label
from pipeline.backends.documents.readers.opendocument.styles import (
    LEVELS,
    ListCounters,
    Styles,
    find_level,
    format_label,
    start_of,
    to_int,
)
from pipeline.parse import Element, build_table_elements

MAX_NESTING = 25
"""Lists, tables and frames inside each other that are read with their structure; deeper ones as plain text."""
MAX_REPEATED = 100
"""Repetitions of a row or cell that are written out."""

_SKIPPED = frozenset(
    {"text:tracked-changes", "text:sequence-decls", "text:variable-decls", "office:forms", "svg:title", "svg:desc"}
)
_LENGTH = re.compile(r"([\d.]{1,12})(cm|mm|in|pt|pc|px)?")
_POINTS = {"pt": 1.0, "in": 72.0, "cm": 72 / 2.54, "mm": 72 / 25.4, "pc": 12.0, "px": 0.75}


@dataclass(slots=True)
class Document:
    """What the stories of a document share, and what was found in them."""

    package: Package
    styles: Styles
    files: EmbeddedFiles
    paragraphs: ParagraphReader
    hidden_paragraphs: int = 0
    outline: ListCounters = field(default_factory=ListCounters)
    lists: dict[str, ListCounters] = field(default_factory=dict)
    """Counters of the last list of each list style and of each list with an identifier."""


@dataclass(frozen=True, slots=True)
class _List:
    """A list around an element."""

    style: str
    counters: ListCounters
    level: int = 0
    labelled: bool = True
    """Whether the next paragraph gets the label of the item."""


class Story:
    """Reads containers of paragraphs."""

    def __init__(self, document: Document, *, marginal: bool = False) -> None:
        """Prepare reading; `marginal` for headers and footers, which contain no headings."""
        self._document = document
        self._marginal = marginal
        self._handlers: Mapping[str, Callable[[XmlElement, int], Iterator[Element]]] = {
            "table:table": self._read_table,
            "draw:frame": self._read_frame,
        }

    def read(self, container: XmlElement, depth: int = 0, around: _List | None = None) -> Iterator[Element]:
        """Return the elements of a container."""
        if depth > MAX_NESTING:
            text = " ".join("".join(map(str, each.itertext())) for each in descendants(container, "text:p", "text:h"))
            yield Element("paragraph", text)
            return
        for element in container:
            name = name_of(element)
            if name in ("text:p", "text:h"):
                yield from self._read_paragraph(element, name, depth, around)
                around = around and _List(around.style, around.counters, around.level, labelled=False)
            elif name == "text:list":
                yield from self._read_list(element, depth + 1, around)
            elif name in self._handlers:
                yield from self._handlers[name](element, depth + 1)
            elif name and name not in _SKIPPED and not self._is_hidden(element, name):
                yield from self.read(element, depth + 1, around)

    def _is_hidden(self, element: XmlElement, name: str) -> bool:
        if name != "text:section":
            return False
        hidden = attribute(element, "text:display") == "none" or self._document.styles.is_hidden_section(
            attribute(element, "text:style-name")
        )
        self._document.hidden_paragraphs += sum(1 for _ in descendants(element, "text:p", "text:h")) if hidden else 0
        return hidden

    def _read_paragraph(self, element: XmlElement, name: str, depth: int, around: _List | None) -> Iterator[Element]:
        document = self._document
        content = document.paragraphs.read(element)
        document.hidden_paragraphs += content.hidden
        text = content.text
        marker = self._count(around) if around and around.labelled else ""
        style = attribute(element, "text:style-name")
        level = to_int(attribute(element, "text:outline-level"), 1) if name == "text:h" else 0
        if name == "text:h" and not (around and around.labelled):
            marker = self._count_heading(element, level)
        if self._marginal and content.page_numbers and len(text.split()) <= 3 and not re.search(r"\d", text):
            text = ""  # only says that the page number, which was left out, is one
        if text and (level or document.styles.is_title(style)) and not self._marginal:
            yield Element("heading", " ".join(f"{marker.rstrip('-')} {text}".split()), level=level or 1)
        elif text and marker and around:
            yield Element("item", text, level=around.level, marker=marker)
        elif text:
            yield Element("paragraph", text)
        for each in content.anchored:
            yield from self._read_anchored(each, depth + 1)

    def _count(self, around: _List) -> str:
        style = self._document.styles.list_style(around.style)
        around.counters.count(around.level, start_of(find_level(style, around.level)))
        return format_label(style, around.counters, around.level) or ("-" if style is None else "")

    def _count_heading(self, element: XmlElement, level: int) -> str:
        outline = self._document.styles.outline
        if not 0 < level <= LEVELS or attribute(element, "text:is-list-header") == "true":
            return ""
        definition = find_level(outline, level - 1)
        restart = attribute(element, "text:start-value") if attribute(element, "text:restart-numbering") else ""
        if restart:
            self._document.outline.set(level - 1, to_int(restart, 1))
        else:
            self._document.outline.count(level - 1, start_of(definition))
        return format_label(outline, self._document.outline, level - 1)

    def _read_list(self, element: XmlElement, depth: int, around: _List | None) -> Iterator[Element]:
        inner = self._open_list(element, around)
        for item in element:
            labelled = name_of(item) == "text:list-item"
            start = attribute(item, "text:start-value")
            if start:
                inner.counters.set(inner.level, to_int(start, 1) - 1)
            yield from self.read(item, depth, _List(inner.style, inner.counters, inner.level, labelled=labelled))

    def _open_list(self, element: XmlElement, around: _List | None) -> _List:
        style = attribute(element, "text:style-name") or (around.style if around else "")
        if around:
            return _List(style, around.counters, min(around.level + 1, LEVELS - 1))
        lists = self._document.lists
        if not style:
            first = next(descendants(element, "text:p"), None)
            style = self._document.styles.list_name(attribute(first, "text:style-name"))
        continued = attribute(element, "text:continue-list")
        if continued in lists:
            counters = lists[continued]
        elif attribute(element, "text:continue-numbering") == "true" and style in lists:
            counters = lists[style]
        else:
            counters = ListCounters()
        lists[style] = counters
        if identifier := attribute(element, "xml:id"):
            lists[identifier] = counters
        return _List(style, counters)

    def _read_table(self, table: XmlElement, depth: int) -> Iterator[Element]:
        rows = _find_rows(table)
        cells = [_find_cells(row) for row, _ in rows]
        if len(rows) < 2 or max(map(len, cells)) < 2:  # layout
            for row in cells:
                for cell in row:
                    yield from self.read(cell, depth)
            return
        anchored: list[Element] = []
        grid = self._read_grid(cells, depth, anchored)
        headers = sum(1 for _, is_header in rows if is_header)
        if to_int(attribute(cells[0][0], "table:number-columns-spanned"), 1) == len(grid[0]):
            grid[0] = grid[0][:1]  # a caption
        yield from build_table_elements(join_header_rows(grid, headers))
        yield from anchored

    def _read_grid(self, rows: list[list[XmlElement]], depth: int, anchored: list[Element]) -> list[list[str]]:
        """Return the texts of the cells; a merged cell repeats its value in each place that it spans."""
        grid: list[dict[int, str]] = [{} for _ in rows]
        for number, row in enumerate(rows):
            column = 0
            for cell in row:
                width, height, repeated = (
                    min(to_int(attribute(cell, f"table:number-{name}"), 1), MAX_SPAN)
                    for name in ("columns-spanned", "rows-spanned", "columns-repeated")
                )
                if name_of(cell) == "table:table-cell":
                    text = self._read_cell(cell, depth, anchored)
                    for line in grid[number : number + height]:
                        line.update(dict.fromkeys(range(column, column + max(width, repeated)), text))
                column += repeated
        length = max((column + 1 for line in grid for column, text in line.items() if text), default=0)
        return [[line.get(column, "") for column in range(length)] for line in grid]

    def _read_cell(self, cell: XmlElement, depth: int, anchored: list[Element]) -> str:
        lines = []
        for element in self.read(cell, depth):
            if element.kind == "table":
                anchored.append(element)
            else:
                lines.append(f"{element.marker} {element.text}" if element.kind == "item" else element.text)
        return "\n".join(lines)

    def _read_anchored(self, element: XmlElement, depth: int) -> Iterator[Element]:
        name = name_of(element)
        if name == "text:note":
            body = child(element, "text:note-body")
            yield from _prefix(f"Note {note_label(element)}:", [] if body is None else self.read(body, depth))
        elif name == "office:annotation":
            author = child(element, "dc:creator")
            prefix = f"Comment by {author.text}:" if author is not None and author.text else "Comment:"
            yield from _prefix(prefix, self.read(element, depth))
        elif name == "draw:frame":
            yield from self._read_frame(element, depth)
        else:
            yield from self.read(element, depth)

    def _read_frame(self, frame: XmlElement, depth: int) -> Iterator[Element]:
        """Return the text box, alternative text or embedded object in a frame; a picture is only noted."""
        for name in ("svg:title", "svg:desc"):
            text = "".join(map(str, found.itertext())) if (found := child(frame, name)) is not None else ""
            if text.strip() and not re.fullmatch(r"\S+\.\w{3,4}", text.strip()):
                yield Element("paragraph", text)
                break
        else:
            for picture in children(frame, "draw:image"):
                area = to_points(attribute(frame, "svg:width")) * to_points(attribute(frame, "svg:height"))
                if child(frame, "draw:object") is None and not self._marginal:
                    self._document.files.pictures[attribute(picture, "xlink:href")] = area
        for box in children(frame, "draw:text-box"):
            yield from self.read(box, depth)
        for each in (*children(frame, "draw:object"), *children(frame, "draw:object-ole")):
            yield from self._read_object(attribute(each, "xlink:href").removeprefix("./"), depth)

    def _read_object(self, name: str, depth: int) -> Iterator[Element]:
        """Return the formula, or the data of the chart or sheet, in an embedded object."""
        root = self._document.package.parse(f"{name}/content.xml")
        if root is None:
            content = self._document.package.read(name)
            yield from self._document.files.read(name, content) if content else ()
        elif name_of(root) == "math:math":
            tokens = descendants(root, "math:mi", "math:mn", "math:mo", "math:mtext")
            yield Element("paragraph", " ".join((token.text or "").strip() for token in tokens))
        else:
            yield from self.read(root, depth)


def _find_rows(table: XmlElement) -> list[tuple[XmlElement, bool]]:
    """Return the rows of a table, and whether they are header rows."""
    rows = []
    for row in descendants(table, "table:table-row"):
        parents = [name_of(parent) for parent in row.iterancestors()]
        if next((parent for parent in row.iterancestors() if name_of(parent) == "table:table"), None) is table:
            repeated = min(to_int(attribute(row, "table:number-rows-repeated"), 1), MAX_REPEATED)
            has_text = next(descendants(row, "text:p", "text:h"), None) is not None
            rows += [(row, parents[0] == "table:table-header-rows")] * (repeated if has_text else 1)
    return rows


def _find_cells(row: XmlElement) -> list[XmlElement]:
    return [cell for cell in row if name_of(cell) in ("table:table-cell", "table:covered-table-cell")]


def _prefix(prefix: str, elements: Iterator[Element] | list[Element]) -> Iterator[Element]:
    for number, element in enumerate(elements):
        yield element if number or element.kind == "table" else Element("paragraph", f"{prefix} {element.text}")


def to_points(length: str) -> float:
    """Return a length in points; 0 if it is not one."""
    match = _LENGTH.fullmatch(length)
    return float(match[1]) * _POINTS[match[2] or "pt"] if match and match[1].count(".") < 2 and match[1] != "." else 0.0
