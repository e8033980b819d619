"""Put a sheet together: its tables with their comments, and what of it is hidden."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.backends.documents.readers.sheets.grid import Merge, Region, Row, read_regions
from pipeline.parse import Element

MAX_NAMES = 20
"""Names that a report lists."""


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment with the 0-based position of its cell."""

    row: int
    column: int
    author: str
    text: str

    @property
    def reference(self) -> str:
        """The name of the cell, for example "B3"."""
        letters, number = "", self.column + 1
        while number:
            number, remainder = divmod(number - 1, 26)
            letters = chr(ord("A") + remainder) + letters
        return f"{letters}{self.row + 1}"


def build_sheet(rows: Sequence[Row], merges: Sequence[Merge], comments: Sequence[Comment]) -> Iterator[Element]:
    """Yield the tables and paragraphs of a sheet, each followed by its comments."""
    positions = {(comment.row, comment.column) for comment in comments}
    numbers = {row for row, _ in positions}
    shown = {
        (row.number, column): text
        for row in rows
        if row.number in numbers
        for column, text in row.cells.items()
        if (row.number, column) in positions
    }
    remaining = list(comments)
    for region in read_regions(rows, merges):
        yield from region.elements
        here = [comment for comment in remaining if _is_in(comment, region)] if remaining else []
        remaining = [comment for comment in remaining if comment not in here] if here else remaining
        yield from (_build_comment(comment, shown) for comment in here)
    yield from (_build_comment(comment, shown) for comment in remaining)


def _is_in(comment: Comment, region: Region) -> bool:
    return region.top <= comment.row <= region.bottom and comment.column in region.columns


def _build_comment(comment: Comment, shown: dict[tuple[int, int], str]) -> Element:
    cell = shown.get((comment.row, comment.column), "")
    place = f"{comment.reference}: {cell}" if cell else comment.reference
    by = f" by {comment.author}" if comment.author else ""
    return Element("paragraph", f"Comment{by}: {comment.text} (cell {place})")


def describe_hidden(sheet: str, rows: int, columns: int) -> str:
    """Return a sentence about the hidden rows and columns of a sheet; empty if there are none."""
    counts = [f"{n} hidden {noun}{'s' * (n != 1)}" for n, noun in ((rows, "row"), (columns, "column")) if n]
    verb = "was" if rows + columns == 1 else "were"
    return f"{' and '.join(counts)} of the sheet {sheet} {verb} left out." if counts else ""


def join_names(names: Sequence[str]) -> str:
    """Join the first names with commas."""
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more
