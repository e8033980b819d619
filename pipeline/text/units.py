"""Split passages into units that can be quoted as an answer, each with the context that it belongs to.

A question, a label ("Opening hours:"), a heading and a table header are context of what follows them and no answer
themselves: an answer belongs to its question, a row to its header, a chat message to the question before it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from pipeline.text.drawn_tables import DrawnTable, read_drawn_table
from pipeline.text.markdown import read_blocks, remove_struck, split_row
from pipeline.text.scripts import is_spaceless
from pipeline.text.sentences import ITEM, join_wrapped_lines, split_line

LONGEST_ANSWER = 300
"""Maximum characters of an answer that is quoted as a whole; a longer one is split into sentences."""
FOLLOWING_UNITS = 2
"""Units after the first unit of an answer that may still belong to its question."""
LONGEST_LABEL = 70
"""Maximum characters of a label or title."""

_QUESTION = re.compile(r"[?\uff1f][\"'\u201d\u2019)\]*_]*\Z")
_QUESTION_MARK = re.compile(r"\A[*_]*(?:Q|Question|Frage|F|问|問)\s?\d{0,3}\s?[:.)\uff1a]", re.IGNORECASE)
_ANSWER_MARK = re.compile(r"\A[*_]*(?:A|Answer|Antwort|答)\s?\d{0,3}\s?[:.)\uff1a][*_]*\s*", re.IGNORECASE)
_SECTION = re.compile(r"\A(?:\u00a7|Art(?:icle|ikel)?\.?\s|Section\s|Chapter\s|\[[^\]]{1,60}\]\Z)")
_UNDERLINE = re.compile(r"\s*([=~^\"'#*+-])\1{2,}\s*")
_CLOCK = re.compile(r"(?<!\d)\d{1,2}:\d{2}(?::\d{2})?(?:\s?[AP]M)?(?!\d)", re.IGNORECASE)
_DATE = re.compile(r"\d{1,4}[-./](?:\d{1,2}|[A-Z][a-z]{2})[-./]\d{1,4}")
_STOP = re.compile(r"[.!?;\u3002\uff01\uff1f\u2026\uff1b][\"'\u201d\u2019)\]*_]*\Z")
_PAIR = re.compile(r"([^:=\uff1a\n]{1,40}?)(?:\s*[:\uff1a]\s*|\s+=\s+)(\S.*)")
SHORTEST_SENTENCE = 3
"""Words below which a sentence is quoted together with the next one."""
SHORTEST_SPACELESS_SENTENCE = 13
"""The same in characters, for scripts without spaces."""
MOST_NAMES = 3
"""Words of the name above a chat message."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of a passage."""

    text: str
    """As it is quoted: a table row with its header, an answer without its question."""
    context: str = ""
    """What it belongs to: the question that it follows, or the label above it."""
    is_answer: bool = False
    """Whether the context is a question."""
    distance: int = 0
    """Units between the question and this unit."""
    is_quotable: bool = True
    """False for a question, a label and a header."""
    cells: tuple[tuple[str, str], ...] = ()
    """Header and text of each cell of a row."""
    heading: str = ""
    """The heading of its section if it contains a number, such as a version, a date or a paragraph number."""


def read_units(text: str, headings: Sequence[str] = ()) -> list[Unit]:
    """Split a passage into units in reading order. Struck text is left out."""
    heading = headings[-1] if headings else ""
    reader = _UnitReader(heading)
    blocks = list(read_blocks(remove_struck(text)))
    for number, block in enumerate(blocks):
        if block.kind == "heading":
            reader.add_label(block.content)
        elif block.kind == "code":
            reader.add_unit("\n".join(block.lines))
        elif block.kind == "table":
            reader.add_rows(block.lines)
        elif number == 0 and len(blocks) > 1 and _is_title(block.lines):
            reader.add_label(block.content.strip())
        else:
            reader.add_paragraph(block.lines)
    stated = heading if re.search(r"\d", heading) and not is_question(heading) else ""
    return [replace(unit, heading=stated) for unit in reader.units if any(map(str.isalnum, unit.text))]


class _UnitReader:
    """Collects the units of a passage, with the question and the label that the next unit belongs to."""

    def __init__(self, heading: str) -> None:
        self.units: list[Unit] = []
        self._label = ""
        self._question = heading if is_question(heading) else ""
        self._distance = 0
        """Units since the question."""
        self._is_inline = False
        """Whether the question stands within a line of prose, so that only the next sentence answers it."""

    def add_label(self, text: str) -> None:
        """Add a heading, a title or a line that introduces others."""
        self.units.append(Unit(text, is_quotable=False))
        self._label = text
        if is_question(text):
            self._question, self._distance = text, 0

    def add_unit(self, text: str, cells: tuple[tuple[str, str], ...] = ()) -> None:
        """Add a quotable unit."""
        if self._question and self._distance <= (0 if self._is_inline else FOLLOWING_UNITS):
            unit = Unit(text, self._question, is_answer=True, distance=self._distance, cells=cells)
            self._distance += 1
        else:
            unit = Unit(text, self._label, cells=cells)
        self.units.append(unit)

    def add_rows(self, lines: Sequence[str]) -> None:
        """Add the rows of a Markdown table."""
        names = split_row(lines[0])
        self.units.append(Unit(lines[0], is_quotable=False))
        for row in lines[2:]:
            cells = split_row(row)
            padded = [*names, *[""] * (len(cells) - len(names))]
            self.add_unit("\n".join((*lines[:2], row)), tuple(zip(padded, cells, strict=False)))

    def add_paragraph(self, lines: Sequence[str]) -> None:
        """Add the lines of a paragraph."""
        table = read_drawn_table(lines)
        if table is not None:
            self._add_drawn_table(table)
            return
        if self._distance:
            self._question = ""  # its answer ended with the paragraph
        written = [line for line in lines if not _UNDERLINE.fullmatch(line)]
        underlined = {line.strip() for line, below in pairwise(lines) if _UNDERLINE.fullmatch(below)}
        joined = join_wrapped_lines(written)
        if len(joined) > 1 and all(_PAIR.fullmatch(ITEM.sub("", line)) for line in joined[:2]):
            self._label = joined[0]  # the lines are a record, and the first one usually names it
        for number, line in enumerate(joined):
            following = joined[number + 1] if number + 1 < len(joined) else ""
            if line in underlined or _is_label(line, following):
                self.units.append(Unit(line, is_quotable=False))
                self._label = line
            else:
                self._add_line(ITEM.sub("", line))

    def _add_drawn_table(self, table: DrawnTable) -> None:
        for title in table.title:
            self.add_label(title)
        self.units.extend(Unit(line, is_quotable=False) for line in table.header)
        for row in table.rows:
            self.add_unit("\n".join((*table.header, *row.lines)), row.cells)

    def _add_line(self, line: str) -> None:
        sentences = [line] if _QUESTION_MARK.match(line) else split_line(line)
        start = 0
        for number, sentence in enumerate(sentences):
            if is_question(sentence):
                self._add_sentences(sentences[start:number])
                self.units.append(Unit(sentence, is_quotable=False))
                self._question, self._distance, self._is_inline = sentence, 0, number > 0
                start = number + 1
        self._add_sentences(sentences[start:])

    def _add_sentences(self, sentences: Sequence[str]) -> None:
        if not sentences:
            return
        whole = _ANSWER_MARK.sub("", _join(sentences))
        if self._question and not self._distance and not self._is_inline and len(whole) <= LONGEST_ANSWER:
            self.add_unit(whole)
            return
        for sentence in _join_short(sentences):
            pair = _PAIR.fullmatch(sentence)
            self.add_unit(_ANSWER_MARK.sub("", sentence), ((pair[1], pair[2]),) if pair else ())


def _join_short(sentences: Sequence[str]) -> list[str]:
    """Join a sentence that is too short to be understood alone ("Apache-2.0.") with the next one."""
    joined: list[str] = []
    for sentence in sentences:
        if joined and _is_fragment(joined[-1]):
            joined[-1] = _join([joined[-1], sentence])
        else:
            joined.append(sentence)
    return joined


def _is_fragment(sentence: str) -> bool:
    if is_spaceless(sentence):
        return len(sentence) < SHORTEST_SPACELESS_SENTENCE
    return len(sentence.split()) < SHORTEST_SENTENCE


def _is_title(lines: Sequence[str]) -> bool:
    text = lines[0].strip()
    return len(lines) == 1 and len(text) <= LONGEST_LABEL and not _STOP.search(text) and not re.search(r"\d", text)


def _join(sentences: Sequence[str]) -> str:
    return ("" if is_spaceless(sentences[0]) else " ").join(sentences)


def is_question(text: str) -> bool:
    """Return True for a sentence that ends with a question mark or starts with "Q:"."""
    return bool(_QUESTION.search(text) or _QUESTION_MARK.match(text))


def _is_label(line: str, following: str) -> bool:
    """Return True for a line that introduces the lines after it: "Opening hours:", "§ 3 Lateness", "[database]"."""
    text = line.strip().strip("*_")
    if len(text) > LONGEST_LABEL or is_question(text):
        return False
    if text.endswith((":", "\uff1a")):
        return True
    if not following or _STOP.search(text):
        return False
    return bool(_SECTION.match(text)) or (_is_message_head(text) and not _is_message_head(following))


def _is_message_head(text: str) -> bool:
    """Return True for the line above a chat message: a time, a name and perhaps a date."""
    clocks = _CLOCK.findall(text)
    rest = _DATE.sub("", _CLOCK.sub("", text)).strip(" ,[]()<>-")
    return len(clocks) == 1 and len(text) <= LONGEST_LABEL and len(rest.split()) <= MOST_NAMES and ":" not in rest
