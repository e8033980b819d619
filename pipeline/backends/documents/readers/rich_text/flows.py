"""Collect the paragraphs and tables of one stream of RTF text: the body, a header, a note."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pipeline.backends.documents.readers.inline import Span, format_spans
from pipeline.backends.documents.readers.merged_cells import MAX_SPAN, join_header_rows
from pipeline.parse import Element, build_table_elements

EDGE_TOLERANCE = 40
"""Twips by which the edges of the same column may differ between rows."""


@dataclass(slots=True)
class Paragraph:
    """The properties of the current paragraph."""

    in_table: bool = False
    outline: int | None = None
    """Level of a heading, from 1."""
    list_level: int = 0
    style: int = 0


@dataclass(slots=True)
class CellDefinition:
    """The right edge of a cell in twips, and whether it continues the merged cell above it."""

    edge: int
    continues: bool = False


@dataclass(slots=True)
class _Row:
    definitions: list[CellDefinition]
    texts: list[str]
    is_header: bool


@dataclass(slots=True)
class Flow:
    """A stream of paragraphs."""

    elements: list[Element] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    marker: str = ""
    """Number or bullet of the current paragraph."""
    anchored: list[Element] = field(default_factory=list)
    """Notes, comments and text boxes of the current paragraph or table."""
    has_page_number: bool = False
    hidden: bool = False
    """Whether hidden text of the current paragraph was left out."""
    hidden_paragraphs: int = 0
    cell: list[str] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)
    rows: list[_Row] = field(default_factory=list)

    def end_paragraph(self, paragraph: Paragraph) -> None:
        """End the current paragraph."""
        self.hidden_paragraphs += self.hidden
        self.hidden = False
        if paragraph.in_table:
            line = f"{self.marker} {self._take_text()}".strip()
            self.cell += [line] if line else []
            self.marker = ""
            return
        self.end_table()
        text, marker = self._take_text(), self.marker
        self.marker = ""
        if self.has_page_number and len(text.split()) <= 3 and not re.search(r"\d", text):
            text = ""  # only says that the page number, which was left out, is one
        self.has_page_number = False
        if text and paragraph.outline:
            heading = " ".join(f"{marker.rstrip('-')} {text}".split())
            self.elements.append(Element("heading", heading, level=paragraph.outline))
        elif text and marker:
            self.elements.append(Element("item", text, level=paragraph.list_level, marker=marker))
        elif text:
            self.elements.append(Element("paragraph", text))
        self._add_anchored()

    def end_cell(self) -> None:
        """End the current cell."""
        self.end_paragraph(Paragraph(in_table=True))
        self.cells.append("\n".join(self.cell))
        self.cell = []

    def end_row(self, definitions: list[CellDefinition], *, is_header: bool) -> None:
        """End the current row."""
        if self.cells:
            edges = definitions[: len(self.cells)]
            last = edges[-1].edge if edges else 0
            edges = edges + [CellDefinition(last + 1000 * (extra + 1)) for extra in range(len(self.cells) - len(edges))]
            self.rows.append(_Row(edges, self.cells, is_header))
        self.cells = []

    def end_table(self) -> None:
        """End the current table, if there is one."""
        if self.cell:
            self.cells.append("\n".join(self.cell))
            self.cell = []
        self.end_row([], is_header=False)
        if self.rows:
            headers = next((number for number, row in enumerate(self.rows) if not row.is_header), len(self.rows))
            self.elements += build_table_elements(join_header_rows(_build_grid(self.rows), headers))
            self.rows = []
            self._add_anchored()

    def finish(self, paragraph: Paragraph) -> list[Element]:
        """End the paragraph and the table that are open and return the elements."""
        self.end_paragraph(paragraph)
        self.end_table()
        self._add_anchored()
        return self.elements

    def _take_text(self) -> str:
        text = format_spans(self.spans).strip()
        self.spans = []
        return text

    def _add_anchored(self) -> None:
        self.elements += self.anchored
        self.anchored = []


def _build_grid(rows: list[_Row]) -> list[list[str]]:
    """Return the texts in columns; a cell that spans several columns, or rows, repeats its value."""
    edges: list[int] = []
    for edge in sorted({definition.edge for row in rows for definition in row.definitions}):
        if not edges or edge - edges[-1] > EDGE_TOLERANCE:
            edges.append(edge)
    edges = edges[:MAX_SPAN]
    grid: list[list[str]] = []
    for row in rows:
        line = [""] * len(edges)
        column = 0
        for definition, text in zip(row.definitions, row.texts, strict=True):
            start = column
            while column < len(edges) and edges[column] <= definition.edge:
                above = grid[-1][start] if definition.continues and grid else ""
                line[column] = text or above
                column += 1
        if len(row.texts) == 1 and not grid:
            line[1:] = [""] * (len(line) - 1)  # a caption
        grid.append(line)
    return grid
