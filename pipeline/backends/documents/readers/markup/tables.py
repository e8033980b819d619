"""Read the tables of a page: spans repeated, header rows joined, layout tables told apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from selectolax.lexbor import LexborNode

from pipeline.backends.documents.readers.markup.tree import Attributes, attribute, children, is_shown
from pipeline.backends.documents.readers.merged_cells import MAX_SPAN, join_header_rows

_MAX_SPREAD_CELLS = 500_000
_BLOCKS_OF_LAYOUT = ", ".join(
    f"td {tag}" for tag in ["table", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "form", "section", "article", "hr"]
)


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table."""

    node: LexborNode
    attributes: Attributes
    columns: int
    rows: int
    """The number of columns and rows that it spans; 0 rows reach to the end of the table."""


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of a table row."""

    cells: list[Cell]
    is_header: bool


def read_rows(table: LexborNode) -> list[Row]:
    """Return the shown rows of a table: header, bodies and footer in the order of a browser."""
    heads: list[Row] = []
    bodies: list[Row] = []
    feet: list[Row] = []
    for child in children(table):
        if not child.is_element_node or not is_shown(child):
            continue
        if child.tag == "tr":
            bodies.append(_read_row(child, in_head=False))
        elif child.tag in ("thead", "tbody", "tfoot"):
            rows = {"thead": heads, "tbody": bodies, "tfoot": feet}[child.tag]
            in_head = child.tag == "thead"
            rows += [_read_row(row, in_head=in_head) for row in children(child) if row.tag == "tr" and is_shown(row)]
    return [*heads, *bodies, *feet]


def _read_row(row: LexborNode, *, in_head: bool) -> Row:
    cells: list[Cell] = []
    only_headers = True
    for node in children(row):
        tag = node.tag
        if tag not in ("td", "th"):
            continue
        attributes = node.attributes
        if attributes and not is_shown(node, attributes):
            continue
        only_headers = only_headers and tag == "th"
        if attributes:
            cells.append(
                Cell(node, attributes, max(1, _read_span(attributes, "colspan")), _read_span(attributes, "rowspan"))
            )
        else:
            cells.append(Cell(node, attributes, 1, 1))
    return Row(cells, in_head or (bool(cells) and only_headers))


def is_layout(table: LexborNode, rows: list[Row]) -> bool:
    """Return whether a table only arranges the page: its cells are read as parts of the page."""
    role = attribute(table, "role")
    if role in ("presentation", "none"):
        return True
    if max((len(row.cells) for row in rows), default=0) < 2:
        return True
    if any(cell.node.tag == "th" for row in rows for cell in row.cells):
        return False
    return table.css_first(_BLOCKS_OF_LAYOUT) is not None


def build_grid(rows: list[Row], read_cell: Callable[[Cell], str]) -> list[list[str]]:
    """Return the texts of the cells; a text is repeated in each cell that it spans."""
    grid: list[list[str]] = []
    carried: dict[int, tuple[int, str]] = {}
    spread = 0
    width = max((sum(cell.columns for cell in row.cells) for row in rows), default=0)
    for number, row in enumerate(rows):
        texts: list[str] = []
        for cell in row.cells:
            if carried:
                _fill(texts, carried)
            text = read_cell(cell)
            columns = cell.columns
            height = min(cell.rows or len(rows), len(rows) - number)
            spread += columns * height
            if spread > _MAX_SPREAD_CELLS:
                columns = height = 1
            if columns == height == 1:
                texts.append(text)
                continue
            for column in range(len(texts), len(texts) + columns):
                carried[column] = (height, text)
            # A row of one cell is a caption or the title of a part of the table.
            repeated = columns if len(row.cells) > 1 or columns < width else 1
            texts += [text] * repeated + [""] * (columns - repeated)
        _fill(texts, carried)
        carried = {column: (height - 1, text) for column, (height, text) in carried.items() if height > 1}
        grid.append(texts)
    headers = 0
    while headers < len(rows) - 1 and rows[headers].is_header:
        headers += 1
    captions = sum(1 for _ in _captions(grid[:headers]))
    return [*grid[:captions], *join_header_rows(grid[captions:], headers - captions)]


def _captions(rows: list[list[str]]) -> Iterator[list[str]]:
    """Yield the first rows as long as they have one filled cell, while others follow."""
    for row in rows[:-1]:
        if sum(map(bool, row)) > 1:
            return
        yield row


def _fill(texts: list[str], carried: dict[int, tuple[int, str]]) -> None:
    """Add the texts of the rows above that reach into this row at its current end."""
    while len(texts) in carried:
        texts.append(carried[len(texts)][1])


def _read_span(attributes: Attributes, name: str) -> int:
    value = (attributes.get(name) or "").strip()[:9]
    return min(int(value), MAX_SPAN if name == "colspan" else 65_534) if value.isdecimal() else 1
