"""The texts of the cells of Excel workbooks, from the bytes of the parts without an XML tree.

It leaves out hidden sheets, rows and columns, and numbers that a format shows in another form than they are stored.
"""

from __future__ import annotations

import html
import io
import posixpath
import re
import zipfile
from collections.abc import Iterator, Sequence

from pipeline.backends.documents.reading import File
from pipeline.backends.documents.second_readings.parts import DAMAGE

MAX_CHECKED_CELLS = 500_000
"""Cells with text that are returned; a check of the first ones finds what a reader loses."""

_STEP_BYTES = 1 << 20
_MAX_ROW_BYTES = 64 << 20
_ATTRIBUTE = re.compile(rb"([\w:]+)\s*=\s*[\"']([^\"']*)[\"']")
_SHEET = re.compile(rb"<(?:\w+:)?sheet\s([^<>]*)>")
_RELATIONSHIP = re.compile(rb"<(?:\w+:)?Relationship\s([^<>]*)>")
_ROW = re.compile(rb"<(?:\w+:)?row[\s>/]")
_COLUMN = re.compile(rb"<(?:\w+:)?col\s([^<>]*)>")
_CELL = re.compile(rb"<(?:\w+:)?c(\s[^<>]*)?>")
_VALUE = re.compile(rb"<(?:\w+:)?v[^<>]*>([^<]*)<")
_TEXT = re.compile(rb"<(?:\w+:)?t(?:\s[^<>]*)?(?<!/)>([^<]*)<")
_READING_AID = re.compile(rb"<(?:\w+:)?rPh[\s>]")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


def read_xlsx_texts(file: File) -> Iterator[str]:
    """Return the texts of the cells of visible sheets, row by row."""
    with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
        try:
            book = archive.read("xl/workbook.xml")
            targets = _read_targets(archive)
            strings = _read_strings(archive)
            budget = [MAX_CHECKED_CELLS]
            for attributes in _SHEET.findall(book):
                found = dict(_ATTRIBUTE.findall(attributes))
                identifier = next((value for key, value in found.items() if key.endswith(b":id")), b"")
                if found.get(b"state", b"visible") == b"visible" and identifier in targets:
                    yield from _read_rows(archive, targets[identifier], strings, budget)
        except DAMAGE:  # the first reading reports it
            return


def _read_targets(archive: zipfile.ZipFile) -> dict[bytes, str]:
    targets = {}
    for attributes in _RELATIONSHIP.findall(archive.read("xl/_rels/workbook.xml.rels")):
        found = dict(_ATTRIBUTE.findall(attributes))
        target = posixpath.join("/xl", found.get(b"Target", b"").decode("utf-8", "replace"))
        targets[found.get(b"Id", b"")] = posixpath.normpath(target).lstrip("/")
    return targets


def _read_strings(archive: zipfile.ZipFile) -> Sequence[str]:
    if "xl/sharedStrings.xml" not in archive.namelist():
        return ()
    items = re.split(rb"<(?:\w+:)?si[\s>]", archive.read("xl/sharedStrings.xml"))[1:]
    return [_join_texts(item) for item in items]


def _join_texts(part: bytes) -> str:
    first, *others = _READING_AID.split(part)
    kept = [first, *(other.partition(b"rPh>")[2] for other in others)]
    text = html.unescape(b"".join(_TEXT.findall(b"".join(kept))).decode("utf-8", "replace"))
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)


def _split_rows(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """Yield what precedes the first row, and then the rows."""
    buffer = b""
    with archive.open(name) as part:
        while step := part.read(_STEP_BYTES):
            buffer += step
            starts = [match.start() for match in _ROW.finditer(buffer)]
            for start, end in zip([0, *starts], starts, strict=False):
                yield buffer[start:end]
            buffer = buffer[starts[-1] :] if starts else buffer
            if len(buffer) > _MAX_ROW_BYTES:
                return
    yield buffer


def _read_rows(archive: zipfile.ZipFile, name: str, strings: Sequence[str], budget: list[int]) -> Iterator[str]:
    rows = _split_rows(archive, name)
    hidden = _find_hidden_columns(next(rows, b""))
    for row in rows:
        head = row[: row.find(b">") + 1]
        if b"hidden=" in head and dict(_ATTRIBUTE.findall(head)).get(b"hidden") in (b"1", b"true"):
            continue
        if b'ht="0"' in head:
            continue
        cells = list(_CELL.finditer(row))
        ends = [*(cell.start() for cell in cells[1:]), len(row)][: len(cells)]
        texts = [
            text
            for cell, end in zip(cells, ends, strict=True)
            if (text := _read_cell(cell[1] or b"", row[cell.end() : end], strings, hidden))
        ]
        budget[0] -= len(texts)
        if budget[0] < 0:
            return
        if texts:
            yield " ".join(texts)


def _find_hidden_columns(head: bytes) -> list[range]:
    columns = []
    for attributes in _COLUMN.findall(head):
        found = dict(_ATTRIBUTE.findall(attributes))
        hidden = found.get(b"hidden") in (b"1", b"true") or found.get(b"width") == b"0"
        if hidden and found.get(b"min", b"").isdigit() and found.get(b"max", b"").isdigit():
            columns.append(range(int(found[b"min"]), int(found[b"max"]) + 1))
    return columns


def _read_cell(attributes: bytes, cell: bytes, strings: Sequence[str], hidden: Sequence[range]) -> str:
    if hidden:
        number = 0
        for letter in re.sub(rb"\d+$", b"", dict(_ATTRIBUTE.findall(attributes)).get(b"r", b"")):
            number = 26 * number + letter - 64
        if any(number in columns for columns in hidden):
            return ""
    if b't="inlineStr"' in attributes:
        return _join_texts(cell)
    value = _VALUE.search(cell)
    if value is None:
        return ""
    if b't="s"' in attributes:
        return strings[int(value[1])] if value[1].isdigit() and int(value[1]) < len(strings) else ""
    # Numbers without a style are shown as they are stored.
    number = b" t=" not in attributes or b't="n"' in attributes
    plain = b't="str"' in attributes or (b" s=" not in attributes and number and value[1].isdigit())
    return html.unescape(value[1].decode("utf-8", "replace")) if plain else ""
