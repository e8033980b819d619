"""Find the tables that a plain text draws with characters or spaces."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pipeline.backends.documents.readers.rows import build_headless_table, starts_with_header
from pipeline.parse import format_table
from pipeline.text.scripts import CHINESE_JAPANESE

_BOX = str.maketrans(
    {
        **dict.fromkeys("┌┬┐├┼┤└┴┘╔╦╗╠╬╣╚╩╝╭╮╰╯╒╤╕╞╪╡╘╧╛╓╥╖╟╫╢╙╨╜┏┳┓┣╋┫┗┻┛┠┨┯┷┿╂", "+"),
        **dict.fromkeys("─━", "-"),
        **dict.fromkeys("═", "="),
        **dict.fromkeys("│┃║", "|"),
    }
)
_BORDER = re.compile(r"\s*\+(?=[-=:+ ]*[-=])[-=:+ ]+\+\s*")
_PSQL_RULE = re.compile(r"\s*-+(?:\+-+)+\s*")
_RULE = re.compile(r"\s*[-=]{2}[-=\s]*")
_SEGMENT = re.compile(r"[-=]{2,}")
_GAP = re.compile(r"\S(?:[ \u3000]{2,}| *\t\s*)\S")
_CELL = re.compile(r"\S+(?: \S+)*")
_WIDE = re.compile(f"([{CHINESE_JAPANESE}])")
_MARKDOWN_RULE = re.compile(r"(?=[:|\s]*-)[-:|\s]*")
_MAX_LINE_CHARS = 400
_MAX_CELL_CHARS = 30
_FILLER = "\x00"
_BORDER_START = re.compile(r"\s*[+┌╔╭╒╓┏]")
_RULE_START = re.compile(r"\s*[-─━]")
_HINT = re.compile(r"[|+\t┌╔╭╒╓┏]|  |\u3000\u3000")
"""What every table contains; most paragraphs do not, and need no further look."""
_CODE = re.compile(r"[;{}\\,(]$|^(?:#(?=\s|$)|//|/\*|--\w|\+-)")

Rows = list[list[str]]


def split_text_tables(lines: Sequence[str]) -> Iterator[tuple[bool, str]]:
    """Split the lines of a paragraph into tables in Markdown and the texts between them.

    Yields:
        Whether the part is a table, and its text.
    """
    start = at = 0
    if not any(map(_HINT.search, lines)):
        at = len(lines)
    while at < len(lines):
        end, table = _read_table(lines, at)
        if table:
            if start < at:
                yield False, "\n".join(lines[start:at])
            yield True, table
            start = end
        at = max(end, at + 1)
    if start < len(lines):
        yield False, "\n".join(lines[start:])


def _read_table(lines: Sequence[str], at: int) -> tuple[int, str]:
    """Return the table that starts at a line, with the index behind it; the text is empty if there is none."""
    for reader in (_read_grid, _read_psql, _read_bars, _read_tabs, _read_aligned):
        end, table = reader(lines, at)
        if table or end > at:
            return end, table
    return at, ""


def _format(rows: Rows, *, header: bool | None = None) -> str:
    if header is None:
        header = starts_with_header(rows)
    return format_table(rows) if header else build_headless_table(rows)


def _split_bars(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


# ------------------------------------------------------------------ drawn borders
_GRID_LINE = re.compile(r"\s*[+|]")


def _read_grid(lines: Sequence[str], at: int) -> tuple[int, str]:
    if not _BORDER_START.match(lines[at]) or not _BORDER.fullmatch(lines[at].translate(_BOX)):
        return at, ""
    run = [line.translate(_BOX) for line in lines[at : _find_grid_end(lines, at)]]
    groups: list[Rows] = []
    for line in run:
        if _BORDER.fullmatch(line):
            groups.append([])
        else:
            groups[-1].append(_split_bars(line))
    filled = [group for group in groups if group]
    if not filled or not any("|" in line for line in run):
        return at, ""
    borders = [line for line in run if _BORDER.fullmatch(line)]
    if "=" in run[0] + "".join(borders[1:]) or len(borders) > 3:  # one border per row, so that a cell may have lines
        rows = [_join_lines(group) for group in filled]
        return at + len(run), _format(rows, header="=" in "".join(borders[1:-1]) or None)
    if len(filled) == 1:
        return at + len(run), _format(filled[0])
    rows = [_join_lines(filled[0]), *(row for group in filled[1:] for row in group)]
    return at + len(run), _format(rows, header=True)


def _find_grid_end(lines: Sequence[str], at: int) -> int:
    end = at
    while end < len(lines) and _GRID_LINE.match(lines[end].translate(_BOX)):
        end += 1
    return end


def _join_lines(group: Rows) -> list[str]:
    width = max(map(len, group))
    columns = [[row[column] for row in group if column < len(row)] for column in range(width)]
    return [" ".join(filter(None, column)) for column in columns]


# ------------------------------------------------------------------ bars without borders
def _read_psql(lines: Sequence[str], at: int) -> tuple[int, str]:
    if at + 1 == len(lines) or not _RULE_START.match(lines[at + 1]):
        return at, ""
    rule = lines[at + 1].translate(_BOX)
    if not _PSQL_RULE.fullmatch(rule):
        return at, ""
    width = rule.count("+")
    end = at + 2
    while end < len(lines) and lines[end].translate(_BOX).count("|") >= width:
        end += 1
    rows = [_split_bars(line.translate(_BOX)) for line in (lines[at], *lines[at + 2 : end])]
    return (end, _format(rows, header=True)) if len(rows[0]) == width + 1 and end > at + 2 else (at, "")


def _read_bars(lines: Sequence[str], at: int) -> tuple[int, str]:
    count = lines[at].count(" | ") + lines[at].strip().startswith("|") + lines[at].strip().endswith("|")
    if not count:
        return at, ""
    end = at
    while end < len(lines) and lines[end].count("|") == lines[at].count("|") and len(lines[end]) <= _MAX_LINE_CHARS:
        end += 1
    rows = [_split_bars(line) for line in lines[at:end] if not _MARKDOWN_RULE.fullmatch(line)]
    if end - at < 3 or len(rows) < 2 or any(_MARKDOWN_RULE.fullmatch(line) for line in lines[at + 1 : at + 2]):
        return end, ""  # too few rows, or a table in Markdown, which needs no change
    return end, _format(rows) if len(rows[0]) > 1 and _is_table(_pad(rows), ruled=False) else ""


def _pad(rows: Rows) -> Rows:
    width = max(map(len, rows))
    return [row + [""] * (width - len(row)) for row in rows]


_TAB_LINE = re.compile(r"[^\t]+\t")


def _read_tabs(lines: Sequence[str], at: int) -> tuple[int, str]:
    count = lines[at].count("\t")
    if not count or not _TAB_LINE.match(lines[at]):
        return at, ""
    end = at
    while end < len(lines) and lines[end].count("\t") == count and len(lines[end]) <= _MAX_LINE_CHARS:
        end += 1
    rows = [[cell.strip() for cell in line.split("\t")] for line in lines[at:end]]
    return (end, _format(rows)) if end - at >= 3 else (at, "")


# ------------------------------------------------------------------ columns of spaces
def _read_aligned(lines: Sequence[str], at: int) -> tuple[int, str]:
    if not (_GAP.search(lines[at][:_MAX_LINE_CHARS]) or _is_column_rule(lines[at])):
        return at, ""
    end = _find_aligned_end(lines, at)
    written = [_WIDE.sub(rf"\1{_FILLER}", line.expandtabs().rstrip()) for line in lines[at:end]]
    rules = [index for index, line in enumerate(written) if _RULE.fullmatch(line)]
    body = [line for line in written if not _RULE.fullmatch(line)]
    if len(body) < (2 if rules else 3):
        return end, ""
    starts = _find_starts(written, body)
    rows = [[part.replace(_FILLER, "").strip() for part in _slice(line, starts)] for line in body]
    if not _is_table(rows, ruled=bool(rules)):
        return end, ""
    under_header = bool(rules) and (rules[0] == 1 or (rules[0] == 0 and len(rules) > 2 and rules[1] == 2))
    return end, _format(rows, header=True if under_header else None)


def _is_column_rule(line: str) -> bool:
    return bool(_RULE.fullmatch(line)) and len(_SEGMENT.findall(line)) > 1


def _find_aligned_end(lines: Sequence[str], at: int) -> int:
    end = at
    while end < len(lines) and len(lines[end]) <= _MAX_LINE_CHARS:
        line = lines[end]
        short = end > at and len(line.rstrip()) <= _second_column(lines[end - 1])
        follows = end + 1 < len(lines) and _GAP.search(lines[end + 1])
        if not (_GAP.search(line) or _RULE.fullmatch(line) or (short and follows)):
            break
        end += 1
    return end


def _second_column(line: str) -> int:
    gap = _GAP.search(line)
    return gap.start() + 1 if gap else 0


def _find_starts(written: Sequence[str], body: Sequence[str]) -> list[int]:
    """Return where the columns start: by a rule with gaps, otherwise where all lines have blanks before."""
    for line in written:
        if _is_column_rule(line):
            starts = [match.start() for match in _SEGMENT.finditer(line)]
            return [0, *starts[1:]]
    occupied: set[int] = set()
    for line in body:
        for match in _CELL.finditer(line):
            occupied.update(range(match.start(), match.end()))
    last = max(occupied)
    starts = [place for place in range(last + 1) if place in occupied and place - 1 not in occupied]
    kept = [place for place in starts[1:] if place - 2 not in occupied]
    return [0, *kept]


def _slice(line: str, starts: Sequence[int]) -> Iterator[str]:
    for start, end in zip(starts, [*starts[1:], None], strict=True):
        yield line[start:end]


def _is_table(rows: Rows, *, ruled: bool) -> bool:
    """Return whether the cells are those of a table rather than pieces of prose, code or a list of fields."""
    width = len(rows[0])
    cells = [cell for row in rows for cell in row]
    filled = [cell for cell in cells if cell]
    if width < 2 or 2 * len(filled) < len(cells):
        return False
    if any(sum(1 for row in rows if row[column]) < 2 for column in range(width)):
        return False
    if ruled:
        return True
    labelled = sum(1 for row in rows if row[0].endswith((":", "：")))
    long = sum(1 for cell in filled if len(cell) > _MAX_CELL_CHARS)
    code = sum(1 for row in rows if any(map(_CODE.search, row)))
    sentences = sum(1 for cell in filled if re.search(r"\w \w.*[.!?]$", cell))
    worded = sum(1 for cell in filled if re.search(r"\w", cell))
    if 2 * labelled >= len(rows) and width == 2:
        return False
    if 2 * sentences > len(filled):
        return False
    return 4 * long <= len(filled) and 5 * code <= len(rows) and 2 * worded > len(filled)
