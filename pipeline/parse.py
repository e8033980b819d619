"""The parse stage without I/O: build blocks with heading paths, pages and a title from extracted elements.

A backend extracts `Element`s in reading order from the bytes of a file. This module only works on text, so it runs in
the parser's child process and in tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import unquote, urlsplit

from pipeline.errors import EmptyDocument
from pipeline.text.cleaning import clean_line, clean_text
from pipeline.text.markdown import drop_link_targets
from pipeline.text.scripts import CHINESE_JAPANESE, separator_of_lines
from pipeline.types import Block, ParsedDocument, Unread

Kind = Literal["heading", "paragraph", "item", "code", "table"]

MAX_TITLE_CHARS = 300
MAX_HEADING_CHARS = 200
MAX_PAGED_HEADING_CHARS = 120

_LONG_GAP = re.compile(r"(?<![^\S\n])[^\S\n]{101,}")  # spaces are no tokens, so that no other limit applies
_GAP_STEP, _GAP_HINT = 50, re.compile(r"[^\S\n]{2}")  # every 50th character of a long gap is a space
_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")
_BLANK_LINES_IN_CODE = re.compile(r"\n(?:[ \t]*\n)+")  # the indentation of the next line stays
_WIDE = re.compile(f"[{CHINESE_JAPANESE}]")
_LETTERS = re.compile(r"[^\W\d_]")
_LEADERS = re.compile(r"(?<![ \t])(?:[ \t]*\.){4,}[ \t]*")  # dot leaders of a table of contents
_PAGE_WIDTH = 100
_WORD_PREFIX = re.compile(r"^microsoft (?:word|powerpoint|excel) - ", re.IGNORECASE)

# Default titles that programs write.
_DEFAULT_TITLE = re.compile(
    r"(new |blank )?(document|presentation|slide)\s?1?|powerpoint presentation|untitled( document)?|(no )?title|"
    r"\(?(unspecified|anonymous|unknown)\)?|none|unbenannt|sans titre|无标题|无题|無題",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a document, as an extractor found it."""

    kind: Kind
    text: str
    """Markdown if it is a table."""
    level: int = 0
    """Level of a heading, 1 for the outermost; depth of an item in nested lists, 0 for the outermost."""
    page: int | None = None
    """1-based."""
    marker: str = "-"
    """What stands before an item: "-", or its number as the document shows it, for example "4." or "(b)"."""
    confidence: float | None = None
    """Confidence from 0 to 1 if the text was recognised in an image."""


def unwrap_lines(text: str) -> str:
    """Join lines that were wrapped at the page width; short lines, as in addresses and receipts, stay separate.

    U+0002, which marks a hyphenation in PDF text, is removed and the word joined.
    """
    lines = [line.strip() for line in _LEADERS.sub(" … ", re.sub("\x02\\s*", "", text)).split("\n")]
    width = min(max((_measure_width(line) for line in lines), default=0), _PAGE_WIDTH)
    joined = ""
    for line in lines:
        if not joined:
            joined = line
        elif width < 45 or _measure_width(joined.rpartition("\n")[2][-width:]) < 0.6 * width:
            joined += "\n" + line
        else:
            joined += separator_of_lines(joined, line) + line
    return joined


def _measure_width(line: str) -> int:
    # A Chinese or Japanese character is as wide as two Latin ones.
    return len(line) + len(_WIDE.findall(line))


def is_plausible_heading(text: str) -> bool:
    """Return whether large text of a PDF can be a heading; parts of formulas, figures and sentences cannot."""
    line = " ".join(text.split())
    if not line or len(line) > MAX_PAGED_HEADING_CHARS or text.strip().count("\n") > 2:
        return False
    letters = _LETTERS.findall(line)
    enough = len(letters) >= 4 or len(_WIDE.findall(line)) >= 2
    if not enough or 2 * len(letters) < len(line.replace(" ", "")):
        return False
    return not (line[0].islower() or line[-1] in ",;.-。，；" or "@" in line or line.count("|") > 1)


def _clean_cell(cell: str) -> str:
    if cell.count(".") > 3:  # dot leaders are rare, and looking for them is slow
        cell = _LEADERS.sub(" ", cell)
    return " ".join(cell.split()).replace("|", "\\|")


def format_table(rows: Sequence[Sequence[str]]) -> str:
    """Format rows as a Markdown table with the first row as header; empty rows and columns are left out."""
    cells = [[_clean_cell(cell) for cell in row] for row in rows]
    cells = [row for row in cells if any(row)]
    if not cells:
        return ""
    width = max(len(row) for row in cells)
    padded = [row + [""] * (width - len(row)) for row in cells]
    used = [column for column in range(width) if any(row[column] for row in padded)]
    lines = ["| " + " | ".join(row[column] for column in used) + " |" for row in padded]
    return "\n".join([lines[0], "|" + " --- |" * len(used), *lines[1:]])


def build_table_elements(rows: Sequence[Sequence[str]], page: int | None = None) -> list[Element]:
    """Build elements from rows: a table, its caption if the first row has one filled cell only, or paragraphs.

    A table of a single row or column is layout, not data, and becomes paragraphs.
    """
    filled = [[cell.strip() for cell in row] for row in rows]
    filled = [row for row in filled if any(row)]
    elements: list[Element] = []
    while len(filled) > 2 and sum(map(bool, filled[0])) == 1 and sum(map(bool, filled[1])) > 1:
        elements.append(Element("paragraph", next(filter(None, filled.pop(0))), page=page))
    columns = {column for row in filled for column, cell in enumerate(row) if cell}
    if len(filled) < 2 or len(columns) < 2:
        return elements + [Element("paragraph", cell, page=page) for row in filled for cell in row if cell]
    return [*elements, Element("table", format_table(filled), page=page)]


class _BlockBuilder:
    """Builds blocks; a heading without a body becomes text under its parent headings."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.path: list[tuple[int, str]] = []
        self.bare_heading: Element | None = None
        self.parts: list[str] = []
        self.position: tuple[tuple[str, ...], int | None, float | None] = ((), None, None)
        self.last_kind: Kind | None = None

    def open_section(self, element: Element) -> None:
        """Open a section and close those of the same or a deeper level."""
        if self.path and self.path[-1][0] >= element.level:
            self._keep_bare_heading()
        while self.path and self.path[-1][0] >= element.level:
            self.path.pop()
        self.path.append((element.level, clean_line(drop_link_targets(element.text), MAX_HEADING_CHARS)))
        self.bare_heading = element

    def add_body(self, element: Element, text: str) -> None:
        """Add text to the open section."""
        self.bare_heading = None
        self._add(text, element, element.kind)

    def finish(self) -> tuple[Block, ...]:
        """Close all sections and return the blocks."""
        self._keep_bare_heading()
        self._close_block()
        return tuple(self.blocks)

    def _keep_bare_heading(self) -> None:
        if self.bare_heading is not None:
            _, title = self.path.pop()
            self._add(title, self.bare_heading, "paragraph")
            self.bare_heading = None

    def _add(self, text: str, element: Element, kind: Kind) -> None:
        position = (tuple(title for _, title in self.path), element.page, element.confidence)
        if self.parts and position != self.position:
            self._close_block()
        if self.parts:  # items of one list are not separated by blank lines
            self.parts.append("\n" if kind == self.last_kind == "item" else "\n\n")
        self.parts.append(text)
        self.position, self.last_kind = position, kind

    def _close_block(self) -> None:
        if self.parts:
            self.blocks.append(Block("".join(self.parts), *self.position))
        self.parts = []


def build_blocks(elements: Iterable[Element]) -> tuple[Block, ...]:
    """Group elements into blocks: one per run of elements under the same headings on the same page."""
    builder = _BlockBuilder()
    for element in elements:
        text = clean_text(element.text)
        if _GAP_HINT.search(text[::_GAP_STEP]):
            text = _LONG_GAP.sub(" ", text)
        if "\n" in text:
            blank_lines = _BLANK_LINES_IN_CODE if element.kind == "code" else _BLANK_LINES
            text = blank_lines.sub("\n\n", text).strip("\n")
        text = text.rstrip()
        if not text.strip():
            continue
        if element.kind == "heading" and len(text) <= MAX_HEADING_CHARS:
            builder.open_section(element)
        else:
            builder.add_body(element, text if element.kind != "item" else _format_item(element, text))
    return builder.finish()


def _format_item(element: Element, text: str) -> str:
    return f"{'  ' * element.level}{element.marker} {' '.join(text.split())}"


def choose_title(metadata_title: str | None, headings: Iterable[str], name: str) -> str:
    """Choose a title: from the metadata, the first heading, or the file name, in this order."""
    for candidate in (_WORD_PREFIX.sub("", metadata_title or ""), *headings):
        title = clean_line(drop_link_targets(candidate), MAX_TITLE_CHARS)
        if not _DEFAULT_TITLE.fullmatch(title) and _LETTERS.search(title):
            return title
    return title_from_name(name)


def title_from_name(name: str) -> str:
    """Build a title from the last part of a file name or link, without its extension."""
    parts = urlsplit(name) if name.startswith(("http://", "https://")) else None
    path = unquote(parts.path) if parts else name
    last = re.split(r"[/\\]", path.rstrip("/\\"))[-1]
    stem = re.sub(r"(?<=.)\.[A-Za-z0-9]{1,8}$", "", last)
    return clean_line(stem or (parts.netloc if parts else name), MAX_TITLE_CHARS) or "Untitled"


def build_document(
    elements: Sequence[Element],
    *,
    name: str,
    media_type: str,
    metadata_title: str | None = None,
    pages: int | None = None,
    language: str | None = None,
    warnings: Sequence[str] = (),
    unread: Sequence[Unread] = (),
) -> ParsedDocument:
    """Build the parsed document; raise `EmptyDocument` if it contains no text."""
    blocks = build_blocks(elements)
    if not any(_LETTERS.search(block.text) or re.search(r"\d", block.text) for block in blocks):
        raise EmptyDocument
    # The title is the largest heading on the first page of a PDF. The name of a sheet is not used as title.
    headings = [e for e in elements if e.kind == "heading"][:20]
    if pages is not None:
        headings = sorted((e for e in headings if e.page == headings[0].page), key=lambda e: e.level)
    titles = [] if "sheet" in media_type or media_type.endswith("ms-excel") else [e.text for e in headings]
    return ParsedDocument(
        title=choose_title(metadata_title, titles, name),
        media_type=media_type,
        blocks=blocks,
        pages=pages,
        language=language,
        warnings=tuple(clean_text(warning) for warning in warnings),
        unread=tuple(replace(part, where=clean_text(part.where)) for part in unread),
    )
