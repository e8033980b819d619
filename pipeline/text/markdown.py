"""Read Markdown with markdown-it: the code blocks, tables, headings and inline links of a text.

Most of the input was not written as Markdown. Rules that misread ordinary text are therefore off: indented
code, HTML, link definitions, underlined headings, quotes and lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.rules_block.table import escapedSplit

Kind = Literal["text", "heading", "code", "table"]

_KINDS: dict[str, Kind] = {"paragraph_open": "text", "heading_open": "heading", "fence": "code"}
_BLOCKS = MarkdownIt("zero").enable(["fence", "heading"]).disable("inline")
_TABLE = MarkdownIt("zero").enable("table").disable("inline")
# The lookahead keeps it linear: with "[-:|\s]*-[-:|\s]*", a line of 32,000 dashes took 12 s.
_DELIMITER_ROW = re.compile(r"(?=[:|\s]*-)[-:|\s]*")
MAX_BRACKETS = 2_000
"""Opening brackets of a paragraph up to which links are read; the library needs quadratic time for unbalanced ones."""
_FENCE = re.compile(r"(`{3,}|~{3,})(.*)")
_STRUCK = re.compile(r"~~(?!~)(?:[^~\n]|~(?!~)){1,2000}?~~(?!~)")

# The bounds keep it linear. The readers write no brackets into the words and escape those of the target.
_LINK = re.compile(r"\[([^\[\]\n]{1,500})\]\(((?:https?://|mailto:|tel:)[^\s()<>]{1,2000})\)", re.IGNORECASE)
_OPENING, _CLOSING, _MAX_HIDDEN = 0xF0000, 0x100000, 60_000  # private characters
_HIDDEN_MARK = re.compile("[\U000f0000-\U000ffffd\U00100000-\U0010fffd]")


@dataclass(frozen=True, slots=True)
class MarkdownBlock:
    """A block of a Markdown text."""

    kind: Kind
    lines: tuple[str, ...]
    """As written; the second line of a table is its delimiter row."""
    content: str
    """The code without its fence, the title of a heading, otherwise all lines."""


def read_blocks(text: str) -> Iterator[MarkdownBlock]:
    """Read the blocks of a text in order; blank lines between them belong to none."""
    lines = text.split("\n")
    tokens = _BLOCKS.parse(text)
    for number, token in enumerate(tokens):
        kind = _KINDS.get(token.type)
        if kind is None or token.map is None:
            continue
        written = lines[slice(*token.map)]
        if kind == "text":
            yield from split_tables(written)
        else:
            content = token.content if kind == "code" else tokens[number + 1].content
            yield MarkdownBlock(kind, tuple(written), content)


def split_fences(text: str) -> Iterator[tuple[bool, str]]:
    """Split a text into fenced code blocks and the text between them; an open fence at the end is no code block.

    Yields:
        Whether the part is a code block, and its text.
    """
    lines = text.split("\n")
    start = 0
    opened: tuple[int, str] | None = None
    for number, line in enumerate(lines):
        match = _FENCE.match(line)
        if match is None:
            continue
        if opened is None:
            opened = number, match[1]
        elif match[1][0] == opened[1][0] and len(match[1]) >= len(opened[1]) and not match[2].strip():
            if start < opened[0]:
                yield False, "\n".join(lines[start : opened[0]])
            yield True, "\n".join(lines[opened[0] : number + 1])
            start, opened = number + 1, None
    if start < len(lines):
        yield False, "\n".join(lines[start:])


def split_tables(lines: Sequence[str]) -> Iterator[MarkdownBlock]:
    """Split lines into tables and the text between them.

    A table ends before the first line without a bar, which the standard would take for one more row. Only the header is
    read with markdown-it: it needs 20 µs per cell, and a sheet has millions of them.
    """
    start = at = 0
    while at + 1 < len(lines):
        if not _is_table_start(lines[at], lines[at + 1]):
            at += 1
            continue
        if start < at:
            yield _block("text", lines[start:at])
        start, at = at, at + 2
        while at < len(lines) and "|" in lines[at]:
            at += 1
        yield _block("table", lines[start:at])
        start = at
    if start < len(lines):
        yield _block("text", lines[start:])


def split_row(row: str) -> list[str]:
    """Split a table row into its cells; an escaped bar stays in its cell, without the backslash."""
    cells = [cell.strip() for cell in escapedSplit(row.strip())]
    return cells[cells[:1] == [""] : len(cells) - (len(cells) > 1 and not cells[-1])]


def drop_link_targets(text: str) -> str:
    """Replace links with their words, for embedding and keyword search; bare URLs stay."""
    return _LINK.sub(r"\1", text) if "](" in text else text


def hide_link_targets(text: str) -> tuple[str, list[str]]:
    """Replace links with their words between two private characters, so that no splitter cuts through a target.

    Returns:
        The text, and the targets for `restore_link_targets`.
    """
    targets: list[str] = []

    def hide(match: re.Match[str]) -> str:
        if len(targets) == _MAX_HIDDEN:
            return match[0]
        targets.append(match[2])
        return f"{chr(_OPENING + len(targets) - 1)}{match[1]}{chr(_CLOSING + len(targets) - 1)}"

    return (_LINK.sub(hide, text) if "](" in text else text), targets


def restore_link_targets(part: str, targets: Sequence[str]) -> str:
    """Restore the links in a part of a text; a link that was cut keeps its target where its words end."""
    marks = set(_HIDDEN_MARK.findall(part))
    for mark in sorted(marks):
        index = ord(mark) - (_CLOSING if ord(mark) >= _CLOSING else _OPENING)
        opening, closing = chr(_OPENING + index), chr(_CLOSING + index)
        if mark == opening:  # its words go on in the next part, unless their end is in this one
            part = part.replace(mark, "[" if closing in marks else "")
        elif index < len(targets):
            part = part if opening in marks else f"[{part}"
            part = part.replace(mark, f"]({targets[index]})")
    return part


def drop_hidden_marks(text: str) -> str:
    """Remove the private characters of `hide_link_targets`."""
    return _HIDDEN_MARK.sub("", text)


def remove_struck(text: str) -> str:
    """Remove struck-out text, which its author has withdrawn: `~~old~~`. Code stays as it is."""
    if "~~" not in text:
        return text
    parts = split_fences(text)
    return "\n".join(part if is_code else _remove_struck_lines(part.split("\n")) for is_code, part in parts)


def _remove_struck_lines(lines: Sequence[str]) -> str:
    kept: list[str] = []
    for line in lines:
        rest = _STRUCK.sub("", line)
        if rest == line:
            kept.append(line)
        elif any(map(str.isalnum, rest)):  # otherwise an item or a line that is struck as a whole
            kept.append(re.sub(r"(?<=\S) {2,}", " ", rest))
    return "\n".join(kept)


def _is_table_start(header: str, delimiter: str) -> bool:
    if "|" not in header or not _DELIMITER_ROW.fullmatch(delimiter):
        return False
    return any(token.type == "table_open" for token in _TABLE.parse(f"{header.strip()}\n{delimiter.strip()}"))


def _block(kind: Kind, lines: Sequence[str]) -> MarkdownBlock:
    return MarkdownBlock(kind, tuple(lines), "\n".join(lines))
