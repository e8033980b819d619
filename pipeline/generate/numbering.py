"""Numbering: hide the numbers of an answer that count its list items or name passages; no source contains them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate

from pipeline.generate.markers import MARK

# "1. ", "**7.** ", "### 8. ", "(2) ", "Step 4:", "第2步、" before the text of a line, but not an answer like "42. [1]".
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
# A list item within a line: "1) ", "(1) " or "1、" anywhere, "1. " only after punctuation, because a sentence may end
# with a number.
_LIST_ITEM = re.compile(
    r"(?<![\w.,:/$\u20ac\u00a3\u00a5-])[(\uff08]?(?P<n>\d{1,2})(?:[)\uff09]|\u3001(?!\s*\d)|(?<=[:;\uff1a\uff1b\u3002]\d)\u3001)"
    r"|(?:^|(?<=[:;,.\uff1a\uff1b\uff0c\u3002]))[ \t]*(?P<dotted>\d{1,2})\\?[.\uff0e](?=[ \t]+[^\W\d_])",
    re.MULTILINE,
)
_FIRST_CELL = re.compile(r"^[ \t]*\|[ \t]*(?P<n>\d{1,3})[ \t]*(?=\|)")


def hide_numbering(answer: str, passages: int) -> str:
    """Replace the numbers of list items, and of passages up to `passages`, with spaces. The length does not change."""
    hidden = list(answer)
    for start, end in (*_list_items(answer), *_row_numbers(answer), *(m.span() for m in _LINE_START.finditer(answer))):
        hidden[start:end] = _spaces(answer[start:end])
    text = _LABEL.sub(lambda match: _spaces(match[0]), "".join(hidden))
    return _MENTION.sub(lambda match: _blank_passage_numbers(match, passages), text)


def _list_items(answer: str) -> list[tuple[int, int]]:
    """Return the spans of list numbers that count from 1 within a line."""
    spans: list[tuple[int, int]] = []
    for start, line in _lines(answer):
        items: list[tuple[int, int]] = []
        for match in _LIST_ITEM.finditer(line):
            if int(match["n"] or match["dotted"]) == len(items) + 1:
                items.append((start + match.start(), start + match.end()))
        spans.extend(items if len(items) > 1 else ())
    return spans


def _row_numbers(answer: str) -> list[tuple[int, int]]:
    """Return the spans of the row numbers in the first column of tables."""
    spans: list[tuple[int, int]] = []
    expected = 1
    for start, line in _lines(answer):
        cell = _FIRST_CELL.match(line)
        if cell and int(cell["n"]) == expected:
            spans.append((start + cell.start("n"), start + cell.end("n")))
            expected += 1
        elif not line.lstrip().startswith("|"):
            expected = 1
    return spans


def _lines(answer: str) -> Iterator[tuple[int, str]]:
    """Return each line with its start."""
    lines = answer.splitlines(keepends=True)
    return zip(accumulate(map(len, lines), initial=0), lines, strict=False)


def _blank_passage_numbers(match: re.Match[str], passages: int) -> str:
    written = match[0]
    for number in re.finditer(r"\d+", match[0]):
        if not 1 <= int(number[0]) <= passages:
            break  # "source 1 and 44 guards"
        written = f"{written[: number.start()]}{' ' * len(number[0])}{written[number.end() :]}"
    return written


def _spaces(text: str) -> str:
    return "".join("\n" if character == "\n" else " " for character in text)
