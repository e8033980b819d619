"""Detect the encoding of text files and decode them.

In this order: byte order mark, valid UTF-8, the encoding that HTTP or the file declares (if the bytes are valid in it),
the byte pattern of UTF-16, statistics. On chardet's test set of 89 files in 47 encodings, chardet 7.7 detects 86
correctly, charset-normalizer 3.5 75, chardet 6.0 66, chardet 5.2 63.
"""

from __future__ import annotations

import codecs
import re

from pipeline.errors import UnreadableFile
from pipeline.text.scripts import COMMON_HAN, HANGUL_SYLLABLES

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark starts with the same two bytes
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# The supersets that browsers decode these names as (WHATWG); the declared name is often an older subset.
_SUPERSETS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
}
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE)
_XML_ENCODING = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9_.:-]{2,40})[\"']", re.IGNORECASE)
_HTTP_CHARSET = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE)
# By their high byte, whatever their script: 00, 30 and FF.
_MARKED_CHARACTERS = re.compile("[\t\n\r\x20-\x7e\u3000-\u30ff\uff01-\uffee]")
_LETTERS = re.compile(f"[\u00a0-\u06ff\u0e00-\u0e7f\u2010-\u2026{COMMON_HAN}{HANGUL_SYLLABLES}]")
# In short Latin texts, accents can be detected as Cyrillic or Hebrew letters. They are then inside Latin words.
_FOREIGN_RUN = re.compile("[\u0370-\u06ff]+")
_MIXED_WORD = re.compile("[A-Za-z][\u0370-\u06ff]+|[\u0370-\u06ff]+[A-Za-z]")
_HEAD_BYTES = 4096
_SAMPLE_BYTES = 1_000_000


def decode_text(content: bytes, media_type: str = "") -> str:
    """Decode the bytes of a text file; raise `UnreadableFile` if no encoding fits."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    if not _may_be_seven_bit(content) and content.count(b"\x00") * 100 < len(content):
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError:
            pass
    for name in _find_declared_encodings(content, media_type):
        text = _try_decode(content, name)
        if text is not None:
            return text
    unmarked = detect_unmarked_utf16(content)
    return content.decode(unmarked, errors="replace") if unmarked else _decode_by_statistics(content)


def detect_unmarked_utf16(content: bytes) -> str | None:
    """Return the byte order of UTF-16 without a mark, or None for other encodings."""
    return next((name for name in ("utf-16-le", "utf-16-be") if _looks_like_utf16(content, name)), None)


def _may_be_seven_bit(content: bytes) -> bool:
    # ISO-2022 and HZ are ASCII with escapes, so that they are valid UTF-8 too.
    return content.isascii() and (b"\x1b$" in content or b"~{" in content)


def _find_declared_encodings(content: bytes, media_type: str) -> list[str]:
    head = content[:_HEAD_BYTES]
    names = [match[1] for match in [_HTTP_CHARSET.search(media_type)] if match]
    for pattern in (_XML_ENCODING, _META_CHARSET):
        names += [match[1].decode("ascii") for match in [pattern.search(head)] if match]
    # A declaration that was readable as ASCII cannot be in UTF-16 or UTF-32.
    return [name for name in names if not name.lower().startswith(("utf-16", "utf16", "utf-32", "utf32", "ucs-"))]


def _try_decode(content: bytes, name: str) -> str | None:
    try:
        encoding = codecs.lookup(name).name
        text = content.decode(_SUPERSETS.get(encoding, encoding))
    except (LookupError, UnicodeDecodeError, UnicodeError):
        return None
    return None if "\x00" in text else text


def _looks_like_utf16(content: bytes, name: str) -> bool:
    # Statistics fail for every second short Chinese text. In UTF-16, nearly all characters are in common blocks, and
    # some have the high byte 00, 30 or FF of spaces, digits and ideographic punctuation, which pairs of bytes of
    # double-byte encodings almost never have.
    if len(content) % 2:
        return False
    try:
        sample = content[:_HEAD_BYTES].decode(name)
    except UnicodeDecodeError:
        return False
    marked = len(_MARKED_CHARACTERS.findall(sample))
    usual = marked + len(_LETTERS.findall(sample))
    return usual >= 0.98 * len(sample) and marked >= max(1, 0.02 * len(sample)) and "\x00" not in sample


def _decode_by_statistics(content: bytes) -> str:
    import chardet

    detected = chardet.detect(content[:_SAMPLE_BYTES])
    name = detected["encoding"]
    if name is None:
        raise UnreadableFile("The encoding of the file is unknown. Save it as UTF-8 and add it again.")
    try:
        encoding = codecs.lookup(name).name
    except LookupError:
        raise UnreadableFile(
            f"The encoding {name} is not supported. Save the file as UTF-8 and add it again."
        ) from None
    text = content.decode(_SUPERSETS.get(encoding, encoding), errors="replace")
    foreign = len(_FOREIGN_RUN.findall(text))
    if foreign and 2 * len(_MIXED_WORD.findall(text)) >= foreign:
        return content.decode("cp1252", errors="replace")
    return text
