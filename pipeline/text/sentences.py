"""Split passages into units that can be quoted: sentences, list items, table rows and code blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pipeline.text.markdown import read_blocks
from pipeline.text.scripts import separator_of_lines

LONGEST_UNIT = 600
"""Maximum characters of a unit; longer ones are cut."""

LATIN_STOPS = ".!?"
CJK_STOPS = "\u3002\uff01\uff1f"
CLOSING_MARKS = "\"'\u201d\u2019)\\]\u300d\u300f\uff09"
"""Quotation marks and brackets that belong to the sentence before them, for a character class."""
_LATIN_END = rf"(?<![{LATIN_STOPS}])[{LATIN_STOPS}]++[{CLOSING_MARKS}]*+(?=\s|\Z)"
SENTENCE_END = rf"{_LATIN_END}|[{CJK_STOPS}]++[{CLOSING_MARKS}]*+"
"""The stops of a sentence with the marks that close it, as a regular expression. Latin stops need whitespace or the end
of the text behind them. Possessive quantifiers keep long runs linear."""

_SENTENCE_END = re.compile(SENTENCE_END)
# A row of a table without the delimiter row of Markdown, for example one drawn with signs.
_ROW = re.compile(r"^\s*\|.*\|\s*$")
_BOLD_LINE = re.compile(r"^\s*\*\*[^*]+\*\*\s*$")
_ITEM = re.compile(r"^\s*(?:[-*+\u2022]|\d{1,3}[.)])\s+")
_END = re.compile(rf"{_LATIN_END}|[{CJK_STOPS}\uff1b\u2026]++[{CLOSING_MARKS}]*+")
_ABBREVIATION = re.compile(
    r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|etc|e\.g|i\.e|cf|al|Fig|fig|No|no|Vol|vol|pp|Eq|Sec|approx|ca|Inc|Ltd|Co)"
    r"|\b[A-Za-z]\.[A-Za-z])\.$"
)
_STARTS_SENTENCE = re.compile(r"\s+[\"'\u201c\u2018(\[*_`]*[^\W_a-z]")


def split_sentences(text: str) -> list[str]:
    """Split a passage into sentences, list items, table rows with their header, and code blocks, without headings."""
    units: list[str] = []
    for block in read_blocks(text):
        if block.kind == "code":
            units.append("\n".join(block.lines))
        elif block.kind == "table":
            units.extend(["\n".join([*block.lines[:2], row]) for row in block.lines[2:]] or block.lines[:1])
        elif block.kind == "text":
            units.extend(_prose_units(block.lines))
    return [unit for unit in units if any(character.isalnum() for character in unit)]


def find_sentence_ends(text: str, start: int, end: int) -> Iterator[int]:
    """Find the positions behind the sentences that end within a part of a text."""
    # One character more, so that the lookahead does not take the end of the part for the end of the text.
    return (match.end() for match in _SENTENCE_END.finditer(text, start, end + 1) if match.end() <= end)


def first_sentence(text: str) -> str:
    """Return the first sentence of the first line, or the whole text if that line has no sentence end."""
    match = _SENTENCE_END.search(text.partition("\n")[0])
    return text[: match.end()] if match else text


def is_block(unit: str) -> bool:
    """Return whether a unit is a table or code, which is shown on separate lines."""
    return "\n" in unit or unit.startswith("|")


def _prose_units(lines: Sequence[str]) -> list[str]:
    units: list[str] = []
    paragraph: list[str] = []
    for line in lines:
        if not (_BOLD_LINE.match(line) or _ITEM.match(line) or _ROW.match(line)):
            paragraph.append(line)
            continue
        units.extend(_sentences(_join(paragraph)))
        paragraph = [_ITEM.sub("", line)] if _ITEM.match(line) else []
        units.extend([line] if _ROW.match(line) else [])
    return units + _sentences(_join(paragraph))


def _join(lines: list[str]) -> str:
    """Join wrapped lines."""
    text = ""
    for line in (line.strip() for line in lines):
        text += (separator_of_lines(text, line) if text else "") + line
    return text.strip()


def _sentences(text: str) -> list[str]:
    found: list[str] = []
    start = 0
    for end in _END.finditer(text):
        if end[0][0] in LATIN_STOPS and not _ends_sentence(text, end.start(), end.end()):
            continue
        found.append(text[start : end.end()].strip())
        start = end.end()
    found.append(text[start:].strip())
    return [piece for sentence in found for piece in _cut(sentence) if piece]


def _ends_sentence(text: str, stop: int, after: int) -> bool:
    return not _ABBREVIATION.search(text[max(0, stop - 12) : stop + 1]) and bool(_STARTS_SENTENCE.match(text, after))


def _cut(sentence: str) -> Iterator[str]:
    """Cut a sentence that is too long to quote, at a space if possible."""
    while len(sentence) > LONGEST_UNIT:
        at = sentence.rfind(" ", LONGEST_UNIT // 2, LONGEST_UNIT)
        at = at if at > 0 else LONGEST_UNIT
        yield sentence[:at].strip()
        sentence = sentence[at:].strip()
    yield sentence
