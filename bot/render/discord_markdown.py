"""Discord's dialect of Markdown: where code blocks and inline code are in a message.

This is not CommonMark, so pipeline.text.markdown cannot replace it. In Discord three backticks open and close a code
block anywhere in a line, a block that is never closed is ordinary text, and mentions and links work in all text that
Discord does not see as code. Escaping must therefore find exactly Discord's code, in linear time.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.text.markdown import read_blocks, split_row, split_tables

_LANGUAGE = re.compile(r"([A-Za-z0-9_+\-.#]{1,20})?[ \t]*\n")
_TICKS = re.compile(r"`+")
_TILDES = re.compile(r"(?m)^[ \t]{0,3}~~~+")
_QUOTE_MARK = re.compile(r"^\s*>+\s*")


@dataclass(frozen=True, slots=True)
class Prose:
    """Text in which Discord interprets markup."""

    text: str


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """A fenced code block."""

    language: str
    code: str

    def __str__(self) -> str:
        """Return the block as Markdown; its code contains no fence."""
        return f"```{self.language}\n{self.code}\n```"


@dataclass(frozen=True, slots=True)
class CodeSpan:
    """Inline code."""

    code: str


def split_blocks(text: str) -> Iterator[Prose | CodeBlock]:
    """Split a text into prose and fenced code blocks; an unclosed fence is prose."""
    text = _TILDES.sub("```", text)
    runs = [match for match in _TICKS.finditer(text) if len(match[0]) >= 3]
    at = 0
    pairs = iter(runs)
    for opening, closing in zip(pairs, pairs, strict=False):
        fence = _parse_fence(text[opening.end() : closing.start()])
        if prose := text[at : opening.start()]:
            yield Prose(prose)
        if fence is not None:
            yield fence
        at = closing.end()
    if at < len(text):
        yield Prose(text[at:])


def split_spans(prose: str) -> Iterator[Prose | CodeSpan]:
    """Split prose into text and inline code.

    A code span ends in the same paragraph, at a run of the same number of backticks.
    """
    runs = list(_TICKS.finditer(prose))
    places: dict[int, list[int]] = {}
    for number, run in enumerate(runs):
        places.setdefault(len(run[0]), []).append(number)
    at = number = 0
    while number < len(runs):
        opening = runs[number]
        same = places[len(opening[0])]
        later = bisect_right(same, number)
        number += 1
        if later == len(same):
            continue
        closing = runs[same[later]]
        if prose.find("\n\n", opening.end(), closing.start()) >= 0:
            continue
        if opening.start() > at:
            yield Prose(prose[at : opening.start()])
        yield CodeSpan(prose[opening.end() : closing.start()])
        at, number = closing.end(), same[later] + 1
    if at < len(prose):
        yield Prose(prose[at:])


def close_fence(text: str) -> str:
    """Close a code block that is still open at the end of a truncated text."""
    open_fences = sum(len(match[0]) >= 3 for match in _TICKS.finditer(text)) % 2
    return f"{text.rstrip()}\n```" if open_fences else text


def fence_tables(prose: str) -> str:
    """Convert Markdown tables, which Discord does not render, to code blocks with aligned columns."""
    written: list[str] = []
    for block in split_tables(prose.split("\n")):
        if block.kind == "table":
            rows = [_split_plain_row(row) for row in (block.lines[0], *block.lines[2:])]
            written += ["```", *_align_columns(rows), "```"]
        else:
            written += block.lines
    return "\n".join(written)


def flatten_to_line(text: str) -> str:
    """Join a passage into one line, without heading and fence marks and with table cells separated by dots."""
    written: list[str] = []
    for block in read_blocks(text):
        if block.kind == "table":
            rows = (block.lines[0], *block.lines[2:])
            written += [" · ".join(filter(None, _split_plain_row(row))) for row in rows]
        else:
            written += [_QUOTE_MARK.sub("", line) for line in block.content.split("\n")]
    return " ".join(" ".join(written).split())


def _parse_fence(inside: str) -> CodeBlock | None:
    match = _LANGUAGE.match(inside)
    language, code = (match[1] or "", inside[match.end() :]) if match else ("", inside)
    code = code.strip("\n").rstrip()
    if not code.strip():
        # A single word in a fence is the content, not the language.
        language, code = "", inside.strip()
    return CodeBlock(language, code) if code else None


def _split_plain_row(row: str) -> list[str]:
    # Markup is not rendered inside a code block, so it is removed from the cells.
    return [cell.replace("**", "").replace("`", "") for cell in split_row(row)]


def _align_columns(rows: list[list[str]]) -> list[str]:
    columns = max(len(row) for row in rows)
    rows = [row + [""] * (columns - len(row)) for row in rows]
    widths = [max(_display_width(row[column]) for row in rows) for column in range(columns)]
    lines = [
        "  ".join(_pad_cell(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    lines.insert(1, "  ".join("─" * max(width, 1) for width in widths))
    return lines


def _pad_cell(cell: str, width: int) -> str:
    return cell + " " * (width - _display_width(cell))


def _display_width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
