"""Find the hidden rows and columns of old workbooks (XLS) in their records; calamine does not tell them.

A record has a type, a length and content, see [MS-XLS] 2.1.4.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import olefile

_RECORD = struct.Struct("<HH")
_BOUND_SHEET, _FILE_PASS, _END = 0x85, 0x2F, 0x0A
_COLUMNS, _ROW, _FILTERED = 0x7D, 0x208, 0x9B
_MAX_COLUMN = 255
_DAMAGE = (OSError, LookupError, ValueError, TypeError, struct.error)


@dataclass(slots=True)
class HiddenCells:
    """The 0-based rows and columns of a sheet that Excel does not show, without those of folded groups."""

    rows: set[int] = field(default_factory=set)
    columns: set[int] = field(default_factory=set)


def read_stream(content: bytes) -> bytes:
    """Return the stream of the workbook in an OLE file; empty if it cannot be read."""
    try:
        with olefile.OleFileIO(io.BytesIO(content)) as container:
            name = next((name for name in ("Workbook", "Book") if container.exists(name)), None)
            return bytes(container.openstream(name).read()) if name else b""
    except _DAMAGE:
        return b""


def is_encrypted(stream: bytes) -> bool:
    """Return whether a password protects the content of a workbook."""
    return any(kind == _FILE_PASS for kind, _ in _list_records(stream, 0))


def find_hidden_cells(stream: bytes) -> list[HiddenCells]:
    """Return the hidden rows and columns of each sheet, in the order of the workbook."""
    sheets = (data for kind, data in _list_records(stream, 0) if kind == _BOUND_SHEET and len(data) >= 4)
    return [_read_sheet(stream, int.from_bytes(data[:4], "little")) for data in sheets]


def _list_records(stream: bytes, position: int) -> Iterator[tuple[int, bytes]]:
    """Yield type and content of the records of a part of the stream."""
    while position + _RECORD.size <= len(stream):
        kind, length = _RECORD.unpack_from(stream, position)
        if kind == _END:
            return
        yield kind, stream[position + _RECORD.size : position + _RECORD.size + length]
        position += _RECORD.size + length


def _read_sheet(stream: bytes, position: int) -> HiddenCells:
    hidden = HiddenCells()
    filtered = False
    for kind, data in _list_records(stream, position):
        if kind == _COLUMNS and len(data) >= 10:
            first, last, width, _, flags = struct.unpack_from("<5H", data)
            if (flags & 1 or not width) and not flags >> 8 & 7:
                hidden.columns.update(range(first, min(last, _MAX_COLUMN) + 1))
        elif kind == _ROW and len(data) >= 14 and data[12] & 0x20 and not data[12] & 7:
            hidden.rows.add(int.from_bytes(data[:2], "little"))
        filtered = filtered or kind == _FILTERED
    if filtered:
        hidden.rows.clear()  # a filter hides them
    return hidden
