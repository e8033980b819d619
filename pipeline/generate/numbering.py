"""Numbering: hide the numbers of an answer that count its own points or name its passages; no source has them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate

from pipeline.generate.markers import MARK

# "1. ", "**7.** ", "### 8. ", "(2) ", "Step 4:", "第2步、" before the text of a line; not an answer such as "42. [1]".
_LINE_START = re.compile(
    r"^[ \t]*(?:#{1,6}[ \t]*|[-*+\u2022][ \t]+|>[ \t]*)*(?:\*\*|__)?"
    r"(?:[(\uff08]?\d{1,3}\\?[.):\u3001\uff0e\uff09\uff1a](?!\d)"
    r"|step[ \t]*\d{1,2}\b[.:)]?|第\s?\d{1,2}\s?[步点][:\uff1a\u3001,\uff0c]?)"
    rf"(?![ \t*_]*+(?:{MARK}[ \t]*+)++$)",
    re.IGNORECASE | re.MULTILINE,
)
_LABEL = re.compile(
    r"\b(?:option|question|answer|method|approach|step|case|example|point|reason|scenario|tip|note|item)"
    r"\s?\d{1,2}(?=[*_]{0,2}\s?[:)\uff1a])"
    r"|(?:方法|方式|办法|选项|方案|步骤|问题|情况|示例|例子|例|原因|要点|注意)\s?\d{1,2}(?=[*_]{0,2}\s?[:\uff1a\u3001)])",
    re.IGNORECASE,
)
_MENTION = re.compile(
    r"\b(?:passages?|sources?|citations?|documents?)\s*(?:no\.|#)?\s*"
    r"(?:\d{1,2}(?:\s*(?:,\s*and|,|and|&|or|to|-|\u2013)\s*\d{1,2}){0,9})\b"
    r"|(?:资料|来源|段落|文档|片段)\s*(?:\d{1,2}(?:\s*[\u3001,\uff0c和与及至到-]\s*\d{1,2}){0,9})(?!\d)"
    r"|第\s?\d{1,2}\s?(?=段)",
    re.IGNORECASE,
)
# A point within a line: "1) ", "(1) ", "1、" anywhere; "1. " only after a sign, since a sentence may end in a number.
_POINT = re.compile(
    r"(?<![\w.,:/$\u20ac\u00a3\u00a5-])[(\uff08]?(?P<n>\d{1,2})(?:[)\uff09]|\u3001(?!\s*\d)|(?<=[:;\uff1a\uff1b\u3002]\d)\u3001)"
    r"|(?:^|(?<=[:;,.\uff1a\uff1b\uff0c\u3002]))[ \t]*(?P<dotted>\d{1,2})\\?[.\uff0e](?=[ \t]+[^\W\d_])",
    re.MULTILINE,
)
_FIRST_CELL = re.compile(r"^[ \t]*\|[ \t]*(?P<n>\d{1,3})[ \t]*(?=\|)")


def hide_numbering(answer: str, passages: int) -> str:
    """Write spaces over the numbers that count points or name one of so many passages; the length stays."""
    hidden = list(answer)
    for start, end in (*_points(answer), *_rows(answer), *(m.span() for m in _LINE_START.finditer(answer))):
        hidden[start:end] = _spaces(answer[start:end])
    text = _LABEL.sub(lambda match: _spaces(match[0]), "".join(hidden))
    return _MENTION.sub(lambda match: _without_names(match, passages), text)


def _points(answer: str) -> list[tuple[int, int]]:
    """Find where the points of lists stand that count from 1 within a line."""
    found: list[tuple[int, int]] = []
    for start, line in _lines(answer):
        points: list[tuple[int, int]] = []
        for match in _POINT.finditer(line):
            n = int(match["n"] or match["dotted"])
            if n == len(points) + 1:
                points.append((start + match.start(), start + match.end()))
        found.extend(points if len(points) > 1 else ())
    return found


def _rows(answer: str) -> list[tuple[int, int]]:
    """Find the first cells of tables that number their rows."""
    found: list[tuple[int, int]] = []
    expected = 1
    for start, line in _lines(answer):
        cell = _FIRST_CELL.match(line)
        if cell and int(cell["n"]) == expected:
            found.append((start + cell.start("n"), start + cell.end("n")))
            expected += 1
        elif not line.lstrip().startswith("|"):
            expected = 1
    return found


def _lines(answer: str) -> Iterator[tuple[int, str]]:
    """Give each line with where it starts."""
    lines = answer.splitlines(keepends=True)
    return zip(accumulate(map(len, lines), initial=0), lines, strict=False)


def _without_names(match: re.Match[str], passages: int) -> str:
    written = match[0]
    for number in re.finditer(r"\d+", match[0]):
        if not 1 <= int(number[0]) <= passages:
            break  # "source 1 and 44 guards"
        written = f"{written[: number.start()]}{' ' * len(number[0])}{written[number.end() :]}"
    return written


def _spaces(text: str) -> str:
    return "".join("\n" if character == "\n" else " " for character in text)
