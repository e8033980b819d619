"""Tables in the forms of everyday files: Markdown, CSV, XLSX, HTML, reStructuredText, columns aligned with spaces."""

from __future__ import annotations

import html
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from openpyxl import Workbook

from tests.everyday_files.blocks import read_data
from tests.everyday_files.facts import EverydayFile, FactQuestion


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a title."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    @property
    def lines(self) -> list[Sequence[str]]:
        """The header and the rows."""
        return [self.header, *self.rows]


def build() -> Iterator[EverydayFile]:
    """Yield one file per block; the extension of its name selects the form."""
    for block in read_data("tables.txt"):
        header, *rows = (line.split(" | ") for line in block.lines)
        table = Table(block.title, header, rows)
        questions = []
        for question in block.questions:
            key, _, column = question.facts[0].partition(" / ")
            questions.append(ask(table, key, column, question.text))
        yield EverydayFile(block.kind, block.name, write_table(block.name, table), tuple(questions))


def ask(table: Table, key: str, column: str, text: str) -> FactQuestion:
    """Build a question about a cell; the other cells of its column and the keys of other rows are wrong."""
    place = table.header.index(column)
    row = next(row for row in table.rows if row[0] == key)
    others = {value for other in table.rows if other is not row for value in (other[0], other[place])}
    written = " ".join((*row, *table.header)).casefold()
    wrong = (v for v in others if v.casefold() not in written and any(map(str.isalnum, v)))  # "--" also rules a table
    return FactQuestion(text, (row[place],), tuple(sorted(wrong)))


def write_table(name: str, table: Table) -> bytes:
    """Write a table in the form that belongs to the extension of a file name."""
    written = _WRITERS[name.rpartition(".")[2]](table)
    return written if isinstance(written, bytes) else written.encode()


def _markdown(table: Table) -> str:
    lines = [table.header, ["---"] * len(table.header), *table.rows]
    return f"# {table.title}\n\n" + "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _csv(table: Table) -> str:
    return "\n".join(",".join(line) for line in table.lines)


def _tsv(table: Table) -> str:
    return "\n".join("\t".join(line) for line in table.lines)


def _xlsx(table: Table) -> bytes:
    book = Workbook()
    book.remove(book.worksheets[0])
    sheet = book.create_sheet(table.title[:30])
    for line in table.lines:
        sheet.append(list(line))
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _html(table: Table) -> str:
    tags = ["th", *["td"] * len(table.rows)]
    rows = (
        "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in line) + "</tr>"
        for tag, line in zip(tags, table.lines, strict=True)
    )
    return f"<html><head><title>{table.title}</title></head><body><table>{''.join(rows)}</table></body></html>"


def _grid(table: Table) -> str:
    widths = [width + 2 for width in _widths(table)]

    def rule(sign: str) -> str:
        return "+" + "+".join(sign * width for width in widths) + "+"

    def line(cells: Sequence[str]) -> str:
        return "|" + "|".join(f" {cell}".ljust(width) for cell, width in zip(cells, widths, strict=True)) + "|"

    drawn = [rule("-"), line(table.header), rule("=")]
    for row in table.rows:
        drawn += [line(row), rule("-")]
    return f"{table.title}\n{'=' * len(table.title)}\n\n" + "\n".join(drawn) + "\n"


def _aligned(table: Table) -> str:
    widths = [width + 3 for width in _widths(table)]
    head, *rows = (
        "".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table.lines
    )
    return "\n".join([f"     {table.title.upper()}", "", head, "-" * sum(widths), *rows, ""])


def _widths(table: Table) -> list[int]:
    return [max(map(len, column)) for column in zip(*table.lines, strict=True)]


_WRITERS: dict[str, Callable[[Table], str | bytes]] = {
    "md": _markdown,
    "csv": _csv,
    "tsv": _tsv,
    "xlsx": _xlsx,
    "html": _html,
    "rst": _grid,
    "txt": _aligned,
}
