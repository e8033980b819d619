"""The texts of the cells of OpenDocument spreadsheets, with the XML parser of the standard library.

It leaves out hidden sheets, rows and columns.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from pipeline.backends.documents.reading import File
from pipeline.backends.documents.second_readings.parts import local_name, parse_part

MAX_CHECKED_ROWS = 100_000


def read_ods_texts(file: File) -> Iterator[str]:
    """Return the texts of the cells of visible sheets, row by row."""
    with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
        root = parse_part(archive, "content.xml")
    if root is None:
        return
    hidden = {
        _value(style, "name") for style in root.iter() if any(_value(node, "display") == "false" for node in style)
    }
    for table in (node for node in root.iter() if local_name(node.tag) == "table"):
        if _value(table, "style-name") in hidden:
            continue
        columns: list[bool] = []
        for column in (node for node in table.iter() if local_name(node.tag) == "table-column"):
            columns += [_value(column, "visibility") == "collapse"] * min(_repeated(column, "columns"), 16_384)
        rows = (node for node in table.iter() if local_name(node.tag) == "table-row")
        shown = (row for row in rows if _value(row, "visibility") != "collapse")
        for _, row in zip(range(MAX_CHECKED_ROWS), shown, strict=False):
            if text := " ".join(_read_cells(row, columns)).strip():
                yield text


def _value(node: ET.Element, name: str) -> str:
    return next((value for key, value in node.attrib.items() if local_name(key) == name), "")


def _repeated(node: ET.Element, name: str) -> int:
    text = _value(node, f"number-{name}-repeated")
    return int(text) if text.isdigit() else 1


def _read_cells(row: ET.Element, columns: list[bool]) -> Iterator[str]:
    position = 0
    for cell in row:
        if not (position < len(columns) and columns[position]) and local_name(cell.tag) == "table-cell":
            yield from (" ".join("".join(line.itertext()).split()) for line in cell if local_name(line.tag) == "p")
        position += _repeated(cell, "columns")
