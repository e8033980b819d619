"""Read CSV, TSV and similar files: titles above the header, several tables in one file, tables without a header."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from pipeline.backends.documents.readers.rows import build_headless_table, is_value, starts_with_header
from pipeline.backends.documents.reading import File, NestedReader, Reading
from pipeline.backends.documents.sniffing import TSV
from pipeline.errors import UnreadableFile
from pipeline.parse import Element, format_table
from pipeline.text.cleaning import clean_text

Row = list[str]

_DELIMITERS = ",;\t|"
_MAX_FIELD_CHARS = 10_000_000
_SAMPLE_CHARS = 60_000
_SAMPLE_ROWS = 300
_SEPARATOR_LINE = re.compile(r"\A\s*\"?sep=(.)\"?[ \t]*\n", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"-?\d+,\d+")


def read_delimited(file: File, read_nested: NestedReader) -> Reading:  # noqa: ARG001 - reads no nested files
    """Read a delimited file into tables, and paragraphs for the lines above and below them."""
    try:
        rows = parse_rows(clean_text(file.text), likely="\t" if file.media_type == TSV else ",")
    except csv.Error as error:
        raise UnreadableFile(f"{file.name} cannot be read as a table: {error}.") from error
    return Reading(list(build_elements(rows)))


def parse_rows(text: str, likely: str = ",") -> list[Row]:
    """Split a delimited text into rows of stripped cells; an empty list stands for a blank line."""
    csv.field_size_limit(_MAX_FIELD_CHARS)
    declared = _SEPARATOR_LINE.match(text)
    if declared:
        return _parse(text[declared.end() :], declared[1])
    sample = text[:_SAMPLE_CHARS]
    candidates = sorted(_DELIMITERS, key=lambda delimiter: delimiter != likely)
    scores = {delimiter: _score(_parse(sample, delimiter)[:_SAMPLE_ROWS]) for delimiter in candidates}
    best = max(candidates, key=lambda delimiter: scores[delimiter])
    lines = [line for line in sample.split("\n") if line.strip()]
    if best == "," and "," not in lines[0] and all(_DECIMAL_COMMA.fullmatch(line.strip()) for line in lines[1:]):
        return [[line.strip()] if line.strip() else [] for line in text.split("\n")]
    return _parse(text, best)


def _score(rows: Sequence[Row]) -> float:
    """Rate a delimiter by the regularity of the widths (pattern score of van den Burg et al., 2019)."""
    widths = Counter(len(row) for row in rows if row)
    return sum(count * (width - 1) / width for width, count in widths.items()) / max(1, len(widths))


def _parse(text: str, delimiter: str) -> list[Row]:
    quote = _find_quote(text[:_SAMPLE_CHARS], delimiter)
    # MySQL and some programs write \" inside of quotes; a quote before the delimiter ends the cell.
    escaped = len(re.findall(rf'\\"(?!{re.escape(delimiter)}|$)', text[:_SAMPLE_CHARS], re.MULTILINE))
    doubled = len(re.findall(rf'[^{re.escape(delimiter)}\n]""', text[:_SAMPLE_CHARS]))
    by_backslash = escaped > doubled
    rows = _read(text, delimiter, quote, by_backslash=by_backslash)
    if rows and rows[-1] and "\n" in rows[-1][-1] and not text.rstrip().endswith(quote):
        # A quote that is never closed, as in `"12 inch pipe`, would take the rest of the file into its cell.
        rows = _read(text, delimiter, "", by_backslash=False)
    return [_strip_row(row) for row in rows]


def _read(text: str, delimiter: str, quote: str, *, by_backslash: bool) -> list[Row]:
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        quotechar=quote or None,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        doublequote=not by_backslash,
        escapechar="\\" if by_backslash else None,
        skipinitialspace=delimiter != "\t",
    )
    return list(reader)


def _find_quote(sample: str, delimiter: str) -> str:
    single = re.findall(rf"(?:^|{re.escape(delimiter)})'[^'\n]*'(?={re.escape(delimiter)}|$)", sample, re.MULTILINE)
    return "'" if '"' not in sample and len(single) > sample.count("\n") // 2 + 1 else '"'


def _strip_row(row: Row) -> Row:
    cells = [cell.strip() for cell in row]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def build_elements(rows: Sequence[Row]) -> Iterator[Element]:
    """Build tables from rows; lines above the header and below the last row become paragraphs."""
    table: list[Row] = []
    groups = list(_split_groups(rows))
    full_width = max(map(_find_width, groups), default=0)
    seen_table = False
    for group in groups:
        if table and _continues(table, group):
            table += group
            continue
        yield from _build_table(table)
        table = []
        width = _find_width(group)
        if width < 2 or (width == 2 < full_width and not seen_table):  # titles, or fields such as "Station,Oslo"
            yield Element("paragraph", "\n".join(_format_line(row) for row in group))
            continue
        start = _find_header(group, width)
        if start:
            yield Element("paragraph", "\n".join(_format_line(row) for row in group[:start]))
        table, seen_table = group[start:], True
    yield from _build_table(table)


def _split_groups(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Yield the runs of rows between blank lines."""
    group: list[Row] = []
    for row in rows:
        if row:
            group.append(row)
        elif group:
            yield group
            group = []
    if group:
        yield group


def _continues(table: Sequence[Row], group: Sequence[Row]) -> bool:
    """Return whether the rows after a blank line belong to the table above it."""
    width = _find_width(table)
    first = next((index for index, row in enumerate(group) if len(row) >= width), 0)
    if _find_width(group) != width or len(group[first]) > len(table[0]) or group[first] == table[0]:
        return False
    has_header = len(group[first]) == width and not any(map(is_value, group[first])) and _has_values(group[first + 1 :])
    return not has_header


def _has_values(rows: Sequence[Row]) -> bool:
    return any(is_value(cell) for row in rows[:_SAMPLE_ROWS] for cell in row)


def _find_width(rows: Sequence[Row]) -> int:
    """Return the most frequent width, and the wider one of two that are equally frequent."""
    widths = Counter(len(row) for row in rows[:_SAMPLE_ROWS] if len(row) > 1)
    if not widths or 2 * widths.total() < min(len(rows), _SAMPLE_ROWS) - 3:
        return 1 if not widths else max(widths)
    return max(widths, key=lambda width: (widths[width], width))


def _find_header(rows: Sequence[Row], width: int) -> int:
    """Return the index of the header: the first row of full width, or the shorter row of names above it."""
    start = next(index for index, row in enumerate(rows) if len(row) >= width)
    above = rows[start - 1] if start else []
    if len(above) > 1 and above[0][:1] != "#" and any(is_value(cell) for cell in rows[start]):
        names = [cell for cell in above if cell]
        if not any(is_value(cell) for cell in names) and 2 * len(above) > width:
            return start - 1
    return start


def _format_line(row: Row) -> str:
    cells = [cell for cell in row if cell]
    cells[0] = re.sub(r"^#+\s*", "", cells[0]) or cells[0]
    return ": ".join([cells[0].rstrip(":"), ", ".join(cells[1:])]) if len(cells) > 1 else cells[0]


def _build_table(rows: list[Row]) -> Iterator[Element]:
    if not rows:
        return
    footer = len(rows)
    while footer > 2 and len(rows[footer - 1]) == 1 and len(rows[0]) > 1 and re.search(r"\s|:", rows[footer - 1][0]):
        footer -= 1
    body, below = rows[:footer], rows[footer:]
    if starts_with_header(body):
        body[0][0] = re.sub(r"^#\s*", "", body[0][0])
        yield Element("table", format_table(body))
    elif max(map(len, body)) == 2 and not any(is_value(row[0]) for row in body):
        yield Element("paragraph", "\n".join(_format_line(row) for row in body))
    else:
        yield Element("table", build_headless_table(body))
    if below:
        yield Element("paragraph", "\n".join(_format_line(row) for row in below))
