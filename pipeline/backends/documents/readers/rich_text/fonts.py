"""Decode the bytes of RTF texts with the character set of their font."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.backends.documents.readers.symbols import translate_symbol, translate_symbols

SYMBOL_CHARSET = 2
"""Value of `\\fcharset` of a symbol font."""

_CODECS = {
    0: "cp1252", 77: "mac_roman", 128: "cp932", 129: "cp949", 130: "johab", 134: "gb18030", 136: "cp950",
    161: "cp1253", 162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251",
    222: "cp874", 238: "cp1250", 254: "cp437", 255: "cp850",
}  # fmt: skip
_CODE_PAGES = {10000: "mac_roman", 936: "gb18030", 65001: "utf-8", 1361: "johab"}
_DOUBLE_BYTE = frozenset({"cp932", "cp949", "johab", "gb18030", "cp950"})


@dataclass(slots=True)
class Font:
    """An entry of the font table."""

    name: str = ""
    charset: int | None = None
    code_page: int | None = None


@dataclass(slots=True)
class Fonts:
    """The font table and the code page of the document."""

    code_page: int = 1252
    default: int = 0
    fonts: dict[int, Font] = field(default_factory=dict)

    def codec(self, number: int) -> str:
        """Return the name of the codec of a font."""
        font = self.fonts.get(number, Font())
        if font.code_page:
            return codec_of_page(font.code_page)
        charset = font.charset
        return codec_of_page(self.code_page) if charset in (None, 0, 1) else _CODECS.get(charset or 0, "cp1252")

    def decode(self, data: str, number: int) -> str:
        """Decode bytes, given as Latin-1 characters, in a font."""
        font = self.fonts.get(number, Font())
        if font.charset == SYMBOL_CHARSET:
            return "".join(translate_symbol(ord(each), font.name or "Symbol") for each in data)
        return data if data.isascii() else data.encode("latin-1", "replace").decode(self.codec(number), "replace")

    def translate(self, text: str, number: int) -> str:
        """Translate the private characters of symbol fonts in a decoded text."""
        return translate_symbols(text, self.fonts.get(number, Font()).name)

    def is_incomplete(self, data: str, number: int) -> bool:
        """Return whether bytes end with the first half of a double-byte character."""
        codec = self.codec(number)
        if codec not in _DOUBLE_BYTE:
            return False
        lead = False
        for each in data:
            lead = not lead and ord(each) >= 0x81
        return lead


def codec_of_page(page: int) -> str:
    """Return the name of the codec of a Windows code page."""
    name = _CODE_PAGES.get(page, f"cp{page}")
    try:
        "".encode(name)
    except LookupError:
        return "cp1252"
    return name
