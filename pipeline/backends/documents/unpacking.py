"""Check the declared and the actual unpacked size of a zip-based document before a library unpacks it."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

from pipeline.errors import FileTooLarge, UnreadableFile

MAX_ENTRIES = 20_000
_STEP_BYTES = 1 << 20
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")


def check_unpacked_size(content: bytes, name: str, *, max_unpacked_mb: float) -> None:
    """Raise `FileTooLarge` if the declared or the actual unpacked size exceeds the limit.

    Declared sizes can be wrong, so every entry is inflated once and discarded: about 1 s for 500 MB.
    """
    limit = int(max_unpacked_mb * (1 << 20))
    too_large = FileTooLarge(
        f"{name} unpacks to more than {max_unpacked_mb:g} MB. "
        "Split it or ask the operator to raise REFDESK_MAX_UNPACKED_MB."
    )
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise _damaged(name) from error
    if len(entries) > MAX_ENTRIES or sum(entry.file_size for entry in entries) > limit:
        raise too_large
    total = 0
    for entry in entries:
        total += _inflated_size(content, entry, name, limit - total)
        if total > limit:
            raise too_large


def _inflated_size(content: bytes, entry: zipfile.ZipInfo, name: str, limit: int) -> int:
    header = content[entry.header_offset : entry.header_offset + _LOCAL_HEADER.size]
    if len(header) < _LOCAL_HEADER.size or header[:4] != b"PK\x03\x04":
        raise _damaged(name)
    *_, name_length, extra_length = _LOCAL_HEADER.unpack(header)
    start = entry.header_offset + _LOCAL_HEADER.size + name_length + extra_length
    if entry.compress_type == zipfile.ZIP_STORED:
        return entry.compress_size
    if entry.compress_type != zipfile.ZIP_DEFLATED:
        raise _damaged(name)
    # Inflate beyond the declared bytes: a library may read the stream to its end.
    inflater, rest, size = zlib.decompressobj(-zlib.MAX_WBITS), memoryview(content)[start:], 0
    try:
        while not inflater.eof and size <= limit:
            feed = inflater.unconsumed_tail or rest[:65_536]
            if not feed:
                break
            if not inflater.unconsumed_tail:
                rest = rest[65_536:]
            size += len(inflater.decompress(feed, _STEP_BYTES))
    except zlib.error as error:
        raise _damaged(name) from error
    return size


def _damaged(name: str) -> UnreadableFile:
    return UnreadableFile(
        f"{name} is damaged: a part of it cannot be unpacked. Open it, save it again and add the new file."
    )
