"""Split passages into units that can be quoted: sentences, list items, table rows and code blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pipeline.text.markdown import read_blocks
from pipeline.text.scripts import is_spaceless, separator_of_lines

LONGEST_UNIT = 600
"""Maximum characters of a unit; longer ones are cut."""

SHORTEST_WIDTH = 50
"""Characters of the longest line of a paragraph from which its width shows that lines were wrapped."""

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
ITEM = re.compile(r"^\s*(?:[-*+\u2022]|\d{1,3}[.)])\s+")
_RECORD = re.compile(
    r"\s*(?:[>\[{<@#]|\d{1,4}[-./]\d{1,2}[-./]\d{1,4}|[\w .()/&'-]{1,40}(?:[:\uff1a]\s?|\s?=\s?)(?:\S|\Z)"
    r"|\d{1,2}:\d{2}|[A-Z\u554f\u95ee\u7b54]\d{0,3}[.:)\uff1a]\s)"
)
"""The start of a record: a quote, a date or time, "key: value", "key = value"."""
_HEAD = re.compile(
    r"\A(?=.{1,60}\Z)[^:]*\d{1,2}:\d{2}(?::\d{2})?(?:\s?[AP]M)?\]?(?:\s+[^\s:]+){0,3}\s*\Z", re.IGNORECASE
)
"""A line that ends in a time and at most three words: the line above a chat message."""
_CLOSING = rf"[{CLOSING_MARKS}*_]*+"
_END = re.compile(rf"(?<![{LATIN_STOPS}])[{LATIN_STOPS}]++{_CLOSING}(?=\s|\Z)|[{CJK_STOPS}\uff1b\u2026]++{_CLOSING}")
_ABBREVIATION = re.compile(
    r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|etc|e\.g|i\.e|cf|al|Fig|fig|No|no|Vol|vol|pp|Eq|Sec|approx|ca|Inc|Ltd|Co)"
    r"|\b[A-Za-z]\.[A-Za-z])\.$"
)
_ORDINAL = re.compile(r"(?<!\w)\d{1,2}\.\Z")
_GERMAN_NOUN = re.compile(
    r"\s+(?:Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember|Jahrhundert|Klasse|Stock)\b"
)
"""A noun that a German ordinal number stands before: "31. März"."""
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


def join_wrapped_lines(lines: Sequence[str]) -> list[str]:
    """Join the lines of a paragraph that were wrapped; list items, rows and other records stay separate lines.

    A line break is a wrap if the next line starts in lower case, or if its first word would not have fitted into the
    width of the paragraph. The width means nothing in short lines, such as addresses and opening hours.
    """
    width = max((len(line.rstrip()) for line in lines), default=0)
    lower = sum(line.strip()[:1].islower() for line in lines[1:])
    is_prose = width >= SHORTEST_WIDTH or (len(lines) > 2 and lower * 2 >= len(lines))
    joined: list[str] = []
    last = ""
    for line in lines:
        text = line.strip()
        if joined and text and not _stays_separate(last, line) and _is_wrapped(last, text, width, is_prose=is_prose):
            joined[-1] += separator_of_lines(last.rstrip(), text) + text
        elif text:
            joined.append(text)
        last = line
    return joined


def _stays_separate(line: str, following: str) -> bool:
    if line.rstrip()[-1:] in "?:\uff1f\uff1a" or _HEAD.search(line):
        return True
    return any(form.match(text) for form in (_ROW, _BOLD_LINE) for text in (line, following)) or bool(
        ITEM.match(following) or _RECORD.match(following)
    )


def _is_wrapped(line: str, following: str, width: int, *, is_prose: bool) -> bool:
    if following[0].islower():
        return True
    if is_spaceless(following):
        return len(line.rstrip()) + 1 >= width
    return is_prose and len(line.rstrip()) + 1 + len(following.split(maxsplit=1)[0]) > width


def split_line(text: str) -> list[str]:
    """Split a line without breaks into sentences; one that is too long to quote is cut."""
    return _sentences(text)


def _prose_units(lines: Sequence[str]) -> list[str]:
    units: list[str] = []
    for line in join_wrapped_lines(lines):
        if _ROW.match(line):
            units.append(line)
        elif not _BOLD_LINE.match(line):
            units.extend(_sentences(ITEM.sub("", line)))
    return units


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
    before = text[max(0, stop - 12) : stop + 1]
    if _ABBREVIATION.search(before) or (_ORDINAL.search(before) and _GERMAN_NOUN.match(text, after)):
        return False
    return bool(_STARTS_SENTENCE.match(text, after))


def _cut(sentence: str) -> Iterator[str]:
    """Cut a sentence that is too long to quote, at a space if possible."""
    while len(sentence) > LONGEST_UNIT:
        at = sentence.rfind(" ", LONGEST_UNIT // 2, LONGEST_UNIT)
        at = at if at > 0 else LONGEST_UNIT
        yield sentence[:at].strip()
        sentence = sentence[at:].strip()
    yield sentence
