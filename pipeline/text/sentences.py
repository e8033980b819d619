"""Sentences: cut a passage into units that can be quoted, without tearing tables and code apart."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.text.scripts import separator_of_lines

LONGEST_UNIT = 600
"""Characters after which a unit without any full stop is cut."""

_FENCE = re.compile(r"^\s*(```|~~~)")
_TABLE_ROW = re.compile(r"^\s*\|.*\|\s*$")
_TABLE_RULE = re.compile(r"^(?=.*--)[\s:|-]+$")
_HEADING = re.compile(r"^\s{0,3}#{1,6}\s|^\s*\*\*[^*]+\*\*\s*$")
_ITEM = re.compile(r"^\s*(?:[-*+\u2022]|\d{1,3}[.)])\s+")
_END = re.compile(
    r"(?P<chinese>[\u3002\uff01\uff1f\uff1b\u2026]+[\u201d\u2019\u300d\u300f\uff09)\"']*)"
    r"|(?P<latin>(?<![.!?])[.!?]++[\"'\u201d\u2019)\]]*+)(?=\s)"
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|etc|e\.g|i\.e|cf|al|Fig|fig|No|no|Vol|vol|pp|Eq|Sec|approx|ca|Inc|Ltd|Co)"
    r"|\b[A-Za-z]\.[A-Za-z])\.$"
)
_STARTS_SENTENCE = re.compile(r"\s+[\"'\u201c\u2018(\[*_`]*[^\W_a-z]")


def split_sentences(text: str) -> list[str]:
    """Split a passage into what can be quoted: sentences, list items, table rows under their header, code blocks."""
    units: list[str] = []
    for block in _blocks(text):
        lines = block.splitlines()
        if _FENCE.match(lines[0]):
            units.append(block)
        elif _TABLE_ROW.match(lines[0]):
            units.extend(_table_units(lines))
        else:
            units.extend(_prose_units(lines))
    return [unit for unit in units if any(character.isalnum() for character in unit)]


def is_block(unit: str) -> bool:
    """Tell whether a unit is a table or code, which needs lines of its own."""
    return "\n" in unit or unit.startswith("|")


def _blocks(text: str) -> Iterator[str]:
    """Cut at blank lines and where a table or a code block begins and ends."""
    block: list[str] = []
    fence = ""
    for line in text.splitlines():
        opened = _FENCE.match(line)
        if fence:
            block.append(line)
            if opened and opened[1] == fence:
                yield "\n".join(block)
                block, fence = [], ""
            continue
        begins = bool(opened) or (bool(block) and bool(_TABLE_ROW.match(line)) != bool(_TABLE_ROW.match(block[-1])))
        if block and (begins or not line.strip()):
            yield "\n".join(block)
            block = []
        if opened:
            fence = opened[1]
        if line.strip():
            block.append(line)
    if block:
        yield "\n".join(block)


def _table_units(lines: list[str]) -> list[str]:
    """Give each row of a table together with the header, since a row alone says nothing."""
    if len(lines) > 2 and _TABLE_RULE.match(lines[1]):
        header = lines[:2]
        return ["\n".join([*header, row]) for row in lines[2:]]
    return lines


def _prose_units(lines: list[str]) -> list[str]:
    units: list[str] = []
    paragraph: list[str] = []
    for line in lines:
        if _HEADING.match(line) or _ITEM.match(line):
            units.extend(_sentences(_join(paragraph)))
            paragraph = [] if _HEADING.match(line) else [_ITEM.sub("", line)]
        else:
            paragraph.append(line)
    return units + _sentences(_join(paragraph))


def _join(lines: list[str]) -> str:
    """Join wrapped lines; between Chinese characters without a space."""
    text = ""
    for line in (line.strip() for line in lines):
        text += (separator_of_lines(text, line) if text else "") + line
    return text.strip()


def _sentences(text: str) -> list[str]:
    found: list[str] = []
    start = 0
    for end in _END.finditer(text):
        if end["latin"] and not _ends_sentence(text, end.start("latin"), end.end()):
            continue
        found.append(text[start : end.end()].strip())
        start = end.end()
    found.append(text[start:].strip())
    return [piece for sentence in found for piece in _cut(sentence) if piece]


def _ends_sentence(text: str, stop: int, after: int) -> bool:
    return not _ABBREVIATION.search(text[max(0, stop - 12) : stop + 1]) and bool(_STARTS_SENTENCE.match(text, after))


def _cut(sentence: str) -> Iterator[str]:
    """Cut what is too long to quote, at a space where there is one."""
    while len(sentence) > LONGEST_UNIT:
        at = sentence.rfind(" ", LONGEST_UNIT // 2, LONGEST_UNIT)
        at = at if at > 0 else LONGEST_UNIT
        yield sentence[:at].strip()
        sentence = sentence[at:].strip()
    yield sentence
