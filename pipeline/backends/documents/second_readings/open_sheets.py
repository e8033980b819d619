"""The texts of the cells of OpenDocument spreadsheets, with the XML parser of the standard library.

It leaves out hidden sheets, rows and columns.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from pipeline.backends.documents.reading import File

_DAMAGE = (zipfile.BadZipFile, zlib.error, ET.ParseError, EOFError, OSError, NotImplementedError, KeyError)
MAX_CHECKED_ROWS = 100_000


def read_ods_texts(file: File) -> Iterator[str]:
    """Return the texts of the cells of visible sheets, row by row."""
    try:
        with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
            root = ET.fromstring(archive.read("content.xml"))  # noqa: S314 -- expat bounds the amplification
    except _DAMAGE:
        return
    hidden = {
        _value(style, "name") for style in root.iter() if any(_value(node, "display") == "false" for node in style)
    }
    for table in (node for node in root.iter() if _local(node) == "table"):
        if _value(table, "style-name") in hidden:
            continue
        columns: list[bool] = []
        for column in (node for node in table.iter() if _local(node) == "table-column"):
            columns += [_value(column, "visibility") == "collapse"] * min(_repeated(column, "columns"), 16_384)
        rows = (
            node for node in table.iter() if _local(node) == "table-row" and _value(node, "visibility") != "collapse"
        )
        for _, row in zip(range(MAX_CHECKED_ROWS), rows, strict=False):
            if text := " ".join(_read_cells(row, columns)).strip():
                yield text


def _local(node: ET.Element) -> str:
    return node.tag.rpartition("}")[2]


def _value(node: ET.Element, name: str) -> str:
    return next((value for key, value in node.attrib.items() if key.rpartition("}")[2] == name), "")


def _repeated(node: ET.Element, name: str) -> int:
    text = _value(node, f"number-{name}-repeated")
    return int(text) if text.isdigit() else 1


def _read_cells(row: ET.Element, columns: list[bool]) -> Iterator[str]:
    position = 0
    for cell in row:
        if not (position < len(columns) and columns[position]) and _local(cell) == "table-cell":
            yield from (" ".join("".join(line.itertext()).split()) for line in cell if _local(line) == "p")
        position += _repeated(cell, "columns")
