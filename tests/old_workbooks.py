"""Excel workbooks in the old binary format (XLS, BIFF8) and the newer one (XLSB), built record by record."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Cell = str | float | bool | tuple[float, str]
"""A text, a number, a truth value, or a number with its format."""

VISIBLE, HIDDEN, VERY_HIDDEN = 0, 1, 2
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_SECTOR = 512
_FREE, _END_OF_CHAIN, _FAT_SECTOR = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


@dataclass
class Sheet:
    """A sheet; all positions are 0-based."""

    name: str
    rows: Sequence[Any]
    """Rows of cells; an empty text is no cell."""
    state: int = VISIBLE
    merges: Sequence[tuple[int, int, int, int]] = ()
    """Top, bottom, left, right."""
    rows_options: dict[int, int] = field(default_factory=dict)
    """Flags of rows: 0x20 hidden, the lowest 3 bits the level of a group."""
    columns_options: dict[int, int] = field(default_factory=dict)
    """Flags of columns: 1 hidden, 0x100 a group."""
    filtered: bool = False
    top: int = 0


def write_xls(*sheets: Sheet, encrypted: bool = False) -> bytes:
    """Return the bytes of an XLS workbook."""
    formats = [
        "",
        *sorted({cell[1] for sheet in sheets for row in sheet.rows for cell in row if isinstance(cell, tuple)}),
    ]
    head = _record(0x809, struct.pack("<4HII", 0x600, 5, 0, 0, 0, 0))
    head += _record(0x2F, bytes(6)) if encrypted else b""
    head += b"".join(_record(0x41E, struct.pack("<H", 164 + n) + _text(code)) for n, code in enumerate(formats) if n)
    head += b"".join(_record(0xE0, struct.pack("<HH16x", 0, 164 + n if n else 0)) for n in range(len(formats)))
    position = len(head) + sum(12 + 2 * len(sheet.name) for sheet in sheets) + 4
    bodies = [_build_sheet(sheet, formats) for sheet in sheets]
    for sheet, body in zip(sheets, bodies, strict=True):
        name = struct.pack("<BB", len(sheet.name), 1) + sheet.name.encode("utf-16-le")
        head += _record(0x85, struct.pack("<IBB", position, sheet.state, 0) + name)
        position += len(body)
    return write_ole("Workbook", head + _record(0x0A) + b"".join(bodies))


def _record(kind: int, data: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def _text(text: str) -> bytes:
    return struct.pack("<HB", len(text), 1) + text.encode("utf-16-le")


def _build_sheet(sheet: Sheet, formats: list[str]) -> bytes:
    data = _record(0x809, struct.pack("<4HII", 0x600, 0x10, 0, 0, 0, 0))
    data += _record(0x9B) if sheet.filtered else b""
    for column, flags in sheet.columns_options.items():
        data += _record(0x7D, struct.pack("<6H", column, column, 2000, 0, flags, 0))
    for row, flags in sheet.rows_options.items():
        data += _record(0x208, struct.pack("<6HI", row, 0, 9, 255, 0, 0, flags))
    for row, cells in enumerate(sheet.rows, sheet.top):
        for column, cell in enumerate(cells):
            data += _build_cell(row, column, cell, formats) if cell != "" else b""
    if sheet.merges:
        data += _record(
            0xE5, struct.pack("<H", len(sheet.merges)) + b"".join(struct.pack("<4H", *m) for m in sheet.merges)
        )
    return data + _record(0x0A)


def _build_cell(row: int, column: int, cell: Cell, formats: list[str]) -> bytes:
    value, code = cell if isinstance(cell, tuple) else (cell, "")
    place = struct.pack("<3H", row, column, formats.index(code))
    if isinstance(value, str):
        return _record(0x204, place + _text(value))
    if isinstance(value, bool):
        return _record(0x205, place + struct.pack("<BB", value, 0))
    return _record(0x203, place + struct.pack("<d", value))


def write_ole(name: str, content: bytes) -> bytes:
    """Return an OLE file with one stream of up to 60 KB."""
    content = content.ljust(4096, b"\0")
    sectors = -(-len(content) // _SECTOR)
    fat = [_FAT_SECTOR, _END_OF_CHAIN, *range(3, sectors + 2), _END_OF_CHAIN]
    fat += [_FREE] * (128 - len(fat))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<5H6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<9I", 0, 1, 1, 0, 4096, _END_OF_CHAIN, 0, _END_OF_CHAIN, 0)
    header += struct.pack("<109I", 0, *[_FREE] * 108)
    root, stream = _entry("Root Entry", 5, 1, _END_OF_CHAIN, 0), _entry(name, 2, _FREE, 2, len(content))
    directory = (root + stream).ljust(_SECTOR, b"\0")
    return header + struct.pack("<128I", *fat) + directory + content.ljust(sectors * _SECTOR, b"\0")


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    encoded = (name + "\0").encode("utf-16-le")
    places = struct.pack("<HBB3I", len(encoded), kind, 1, _FREE, _FREE, child)
    return encoded.ljust(64, b"\0") + places + bytes(36) + struct.pack("<IQ", start, size)


def write_xlsb(*sheets: Sheet) -> bytes:
    """Return the bytes of an XLSB workbook; formats and merged cells are left out."""
    names = enumerate(sheets, 1)
    bundle = b"".join(_brt(156, struct.pack("<II", s.state, n) + _wide(f"rId{n}") + _wide(s.name)) for n, s in names)
    target = f'<Relationship Id="rId{{0}}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{{0}}.bin"/>'
    links = "".join(target.format(n) for n in range(1, len(sheets) + 1))
    parts: dict[str, bytes] = {
        "[Content_Types].xml": b"<Types/>",
        "xl/workbook.bin": _brt(131) + _brt(143) + bundle + _brt(144) + _brt(132),
        "xl/_rels/workbook.bin.rels": f'<Relationships xmlns="{_PACKAGE}">{links}</Relationships>'.encode(),
    }
    for number, sheet in enumerate(sheets, 1):
        parts[f"xl/worksheets/sheet{number}.bin"] = _build_binary_sheet(sheet)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _brt(kind: int, data: bytes = b"") -> bytes:
    number = bytes([kind]) if kind < 128 else bytes([kind & 0xFF | 0x80, kind >> 7])
    length = bytes([len(data)]) if len(data) < 128 else bytes([len(data) & 0x7F | 0x80, len(data) >> 7])
    return number + length + data


def _wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def _build_binary_sheet(sheet: Sheet) -> bytes:
    size = struct.pack("<4I", 0, len(sheet.rows), 0, max(map(len, sheet.rows), default=0))
    data = _brt(129) + _brt(148, size)
    if sheet.columns_options:
        columns = (struct.pack("<4IH", n, n, 2000, 0, flags) for n, flags in sheet.columns_options.items())
        data += _brt(390) + b"".join(_brt(60, column) for column in columns) + _brt(391)
    data += _brt(145)
    for number, row in enumerate(sheet.rows):
        options = sheet.rows_options.get(number, 0)
        flags = (options & 7) | (0x10 if options & 0x20 else 0)
        data += _brt(0, struct.pack("<IIHBBBI", number, 0, 255, 0, flags, 0, 0))
        for column, cell in enumerate(row):
            place = struct.pack("<II", column, 0)
            if isinstance(cell, str):
                data += _brt(6, place + _wide(cell))
            elif not isinstance(cell, tuple):
                data += _brt(5, place + struct.pack("<d", cell))
    return data + _brt(146) + _brt(130)
