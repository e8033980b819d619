"""Turn the rows and tables of all pages of a PDF into elements: headings, paragraphs, items and tables.

What a single page cannot show is decided here: the size of the body text, and the lines that return on every page.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from pipeline.backends.documents.readers.pdf_layout import Part, Row, Table
from pipeline.backends.documents.readers.pdf_spans import HYPHEN
from pipeline.parse import Element, build_table_elements, is_plausible_heading
from pipeline.text.scripts import separator_of_lines

MARGIN_SHARE = 0.1
"""Share of the height of a page, at its top and at its bottom, where running headers and footers are looked for."""

_MARGIN_LINES = 3  # that end at the right margin show that text is wrapped there
_SAME_PLACE = 12.0  # points
_MAX_HEADING_LEVEL = 6
_BULLET = re.compile(r"([•‣⁃◦▪▫●○■□➢➤✓✔*–—\-\ue000-\uf8ff])\s+(?=\S)")
_ENUMERATED = re.compile(r"(\(?\d{1,3}[.)]|\(?[A-Za-z]\)|\(?[ivx]{1,5}\))\s+(?=\S)")
_SENTENCE_END = re.compile(r"[.!?:;。！？：；][\"'”’»)]*$")
_LEADERS = re.compile(r"(?<![ \t])(?:[ \t]?\.){4,}[ \t]*")  # dots in a table of contents
_SEPARATE = re.compile(r"\t|(?:\.[ \t]?){4}")  # a line of its own: cells, or an entry of a table of contents
_LABEL = re.compile(r"[^:：]{1,30}[:：](?:\s|$)")
_COMPOUND = re.compile(r"(?<![^\W\d_])[^\W\d_]++(?:-[^\W\d_]++)+")
_PAGE_NUMBER = re.compile(
    r"(?:\b(?:page|seite|sheet|blatt|slide|folie|página|pagina|strana|[ps]\.)|第)\s*\d+"
    r"|(?:^|(?<=[\t|·•–—-]))\s*(?:\d+|[ivxlc]{1,7})\s*(?:$|(?=[\t|·•–—/-]))|\d+(?=\s*(?:/|of|von|de|sur)\s*\d+)",
    re.IGNORECASE,
)
_PAGE_WORDS = re.compile(r"of|von|de|sur|di|页|頁|[#\d/|·•–—\s-]")


@dataclass(slots=True)
class Page:
    """The content of a page in reading order."""

    number: int
    parts: list[Part]
    asides: list[Part] = field(default_factory=list)
    """Text of another orientation, such as a watermark or a stamp in the margin."""
    top: float = 0.0
    bottom: float = 0.0
    """Where the page begins and ends, in the coordinates of its rows."""
    notes: list[str] = field(default_factory=list)
    """Comments and text boxes."""


@dataclass(slots=True)
class _Paragraph:
    text: str
    size: float
    bold: bool
    rows: int
    marker: str = ""
    level: int = 0


def build_elements(pages: Sequence[Page]) -> Iterator[Element]:
    """Build the elements of all pages."""
    remove_running_rows(pages)
    compounds = _find_compounds(pages)
    paged = [(page, [_build_part(part, compounds) for part in page.parts]) for page in pages]
    paragraphs = [p for _, parts in paged for part in parts if isinstance(part, list) for p in part]
    headings = _Headings(paragraphs)
    asides: set[str] = set()
    for page, parts in paged:
        for part in parts:
            if isinstance(part, Table):
                yield from build_table_elements(part.cells, page.number)
            else:
                yield from (_build_element(paragraph, headings, page.number) for paragraph in part)
        for element in _build_asides(page, compounds):
            if element.text not in asides:
                asides.add(element.text)
                yield element
        yield from (Element("paragraph", note, page=page.number) for note in page.notes)


def _build_asides(page: Page, compounds: frozenset[str]) -> Iterator[Element]:
    for part in page.asides:
        if isinstance(part, Table):
            yield from build_table_elements(part.cells, page.number)
        else:
            yield from (Element("paragraph", p.text, page=page.number) for p in _build_paragraphs(part, compounds))


def _build_element(paragraph: _Paragraph, headings: _Headings, page: int) -> Element:
    level = headings.find_level(paragraph)
    if level:
        text = " ".join(f"{paragraph.marker} {paragraph.text}".split())
        return Element("heading", text, level=level, page=page)
    if paragraph.marker:
        return Element("item", paragraph.text, level=paragraph.level, page=page, marker=paragraph.marker)
    return Element("paragraph", paragraph.text, page=page)


class _Headings:
    """Recognises headings by their font size, or as bold lines in text that is not."""

    def __init__(self, paragraphs: Sequence[_Paragraph]) -> None:
        sizes: Counter[float] = Counter()
        bold = 0
        for paragraph in paragraphs:
            sizes[_round(paragraph.size)] += len(paragraph.text)
            bold += len(paragraph.text) * paragraph.bold
        self._body = sizes.most_common(1)[0][0] if sizes else 0.0
        self._bold_stands_out = 3 * bold < sizes.total()
        large = {_round(p.size) for p in paragraphs if self._is_large(p) and is_plausible_heading(p.text)}
        self._levels = {size: number for number, size in enumerate(sorted(large, reverse=True), 1)}

    def _is_large(self, paragraph: _Paragraph) -> bool:
        return paragraph.size >= 1.15 * self._body

    def find_level(self, paragraph: _Paragraph) -> int:
        """Return the level of a heading, 0 for other text."""
        if paragraph.rows > 3 or "\t" in paragraph.text or not is_plausible_heading(paragraph.text):
            return 0
        if self._is_large(paragraph):
            return min(self._levels[_round(paragraph.size)], _MAX_HEADING_LEVEL)
        is_bold = paragraph.bold and self._bold_stands_out and paragraph.size >= 0.95 * self._body
        if is_bold and paragraph.rows == 1:
            return min(len(self._levels) + 1, _MAX_HEADING_LEVEL)
        return 0


def _round(size: float) -> float:
    return round(2 * size) / 2


def _build_part(part: Part, compounds: frozenset[str]) -> list[_Paragraph] | Table:
    if isinstance(part, Table):
        return part
    return list(_build_paragraphs(part, compounds))


def _find_compounds(pages: Iterable[Page]) -> frozenset[str]:
    """Return the words that the document writes with a hyphen, in lower case."""
    rows = (row for page in pages for part in page.parts if isinstance(part, list) for row in part)
    return frozenset(word.lower() for row in rows for word in _COMPOUND.findall(row.text))


class _Column:
    """The measures of a column that decide how its rows join."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._right = max(row.x1 for row in rows)
        self._has_margin = sum(row.x1 > self._right - 2 * row.size for row in rows) >= _MARGIN_LINES
        self._indents = sorted({round(row.x0 / 4) for row in rows if _BULLET.match(_clean(row))})
        self.usual_gap = median([lower.top - upper.bottom for upper, lower in pairwise(rows)] or [0.0])

    def wraps(self, previous: Row, row: Row) -> bool:
        """Return whether a line goes on in the next row."""
        ended = _SENTENCE_END.search(previous.text) is not None
        return _is_wrapped(previous, row, self._right) and (self._has_margin or not ended)

    def begin(self, row: Row, text: str, mark: re.Match[str] | None) -> _Paragraph:
        """Begin a paragraph, or an item if there is a mark."""
        if mark is None:
            return _Paragraph(text, row.size, row.bold, 1)
        is_bullet = _BULLET.match(text) is not None
        level = self._indents.index(round(row.x0 / 4)) if is_bullet else 0
        return _Paragraph(text[mark.end() :], row.size, row.bold, 1, "-" if is_bullet else mark[1], level)


def _build_paragraphs(rows: Sequence[Row], compounds: frozenset[str]) -> Iterator[_Paragraph]:
    """Join the rows of a column to paragraphs; lines that were not wrapped stay lines."""
    if not rows:
        return
    column = _Column(rows)
    text = _clean(rows[0])
    current = column.begin(rows[0], text, _find_mark(text))
    for previous, row in pairwise(rows):
        text = _clean(row)
        wrapped = column.wraps(previous, row)
        mark = _find_mark(text, only_bullet=wrapped and not _SENTENCE_END.search(previous.text))
        if mark or _starts_paragraph(previous, row, column.usual_gap):
            yield current
            current = column.begin(row, text, mark)
        else:
            current.text = _join(current.text, text, compounds, wrapped=wrapped)
            current.rows += 1
    yield current


def _clean(row: Row) -> str:
    return _LEADERS.sub(" … ", row.text.strip())


def _find_mark(text: str, *, only_bullet: bool = False) -> re.Match[str] | None:
    """Return the bullet or number at the beginning of an item; a number inside of a sentence is none."""
    return _BULLET.match(text) or (None if only_bullet else _ENUMERATED.match(text))


def _starts_paragraph(previous: Row, row: Row, usual_gap: float) -> bool:
    """Return whether a row begins a paragraph: another style, or more space above it than usual."""
    if abs(row.size - previous.size) > 0.08 * previous.size or row.bold != previous.bold:
        return True
    gap = row.top - previous.bottom
    return gap > min(max(usual_gap, 0), row.size) + 0.35 * row.size or gap < -2 * row.size


def _is_wrapped(previous: Row, row: Row, right: float) -> bool:
    """Return whether a line ended because the first word of the next one did not fit."""
    if (
        _SEPARATE.search(previous.text)
        or _SEPARATE.search(row.text)
        or (_LABEL.match(previous.text) and _LABEL.match(row.text))
    ):
        return False
    if previous.text.endswith(HYPHEN):
        return True
    if not -5 * row.size < row.x0 - previous.x0 < 2 * row.size:  # centred lines
        return False
    first = row.text.split(" ", 1)[0]
    width = (row.x1 - row.x0) / max(len(row.text), 1)
    long_enough = previous.x1 - previous.x0 > 12 * previous.size
    if long_enough and row.text[0].islower() and not _SENTENCE_END.search(previous.text):
        return previous.x1 - row.x0 > 0.5 * (right - row.x0)
    return long_enough and right - previous.x1 < width * (len(first) + 1.5)


def _join(text: str, line: str, compounds: frozenset[str], *, wrapped: bool) -> str:
    if text.endswith(HYPHEN):
        before, after = re.search(r"[^\W\d_]*$", text[-50:-1]), re.match(r"[^\W\d_]*", line)
        compound = f"{before[0] if before else ''}-{after[0] if after else ''}".lower()
        keeps = not line[:1].islower() or compound in compounds
        return f"{text[:-1]}{'-' if keeps else ''}{line}"
    return text + (separator_of_lines(text, line) if wrapped else "\n") + line


def remove_running_rows(pages: Sequence[Page]) -> None:
    """Remove page numbers, and headers and footers from their second occurrence on.

    A row is one if it returns at the same place at the top or bottom of another page, unchanged or with a page number
    that counts with the pages.
    """
    groups: dict[tuple[str, bool], list[tuple[int, Row]]] = defaultdict(list)
    for page in pages:
        for row, is_top in _find_margin_rows(page):
            groups[_PAGE_NUMBER.sub("#", row.text), is_top].append((page.number, row))
    running = {row for (pattern, _), found in groups.items() for row in _find_running(pattern, found)}
    if not running:
        return
    for page in pages:
        kept = (part if isinstance(part, Table) else [r for r in part if id(r) not in running] for part in page.parts)
        page.parts = [part for part in kept if part]


def _find_margin_rows(page: Page) -> Iterator[tuple[Row, bool]]:
    """Yield the rows in the top and bottom margin of a page that are in no table, and whether they are at the top."""
    margin = MARGIN_SHARE * (page.bottom - page.top)
    for row in (row for part in page.parts if isinstance(part, list) for row in part):
        if row.top < page.top + margin:
            yield row, True
        elif row.bottom > page.bottom - margin:
            yield row, False


def _find_running(pattern: str, found: Sequence[tuple[int, Row]]) -> Iterator[int]:
    """Yield the IDs of the rows to remove among those that differ in their page numbers only."""
    seen: dict[str, list[Row]] = defaultdict(list)
    counted: dict[int | None, list[Row]] = defaultdict(list)
    for page, row in found:
        same = seen[row.text]
        if any(abs(row.top - other.top) < _SAME_PLACE for other in same):
            yield id(row)
        elif pattern != row.text:
            number = _PAGE_NUMBER.search(row.text)
            digits = re.search(r"\d+", number[0]) if number else None
            counted[int(digits[0][:9]) - page if digits else None].append(row)
        same.append(row)
    is_number = not _PAGE_WORDS.sub("", pattern.lower())
    for rows in counted.values():
        yield from (id(row) for row in (rows if is_number else rows[1:]) if len(rows) > 1)
