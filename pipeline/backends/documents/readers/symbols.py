"""Translate the characters of symbol fonts, which are stored with private code points, to Unicode."""

from __future__ import annotations

import re
from collections.abc import Mapping

# The encoding of the font Symbol from 0x20 and from 0xA0, as Adobe published it.
_SYMBOL = {
    0x20: " !∀#∃%&∋()∗+,−./0123456789:;<=>?≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼",
    0xA0: "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐⎯↵ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓◊〈®©™∑",
    0xF1: "〉∫",
}
_WINGDINGS = {
    0x21: "✏✂", 0x28: "☎", 0x2A: "✉", 0x43: "👍👎", 0x46: "☞", 0x4A: "☺😐☹", 0x6C: "●", 0x6E: "■□", 0x71: "❑❒",
    0x76: "❖", 0x78: "☒", 0x80: "⓪①②③④⑤⑥⑦⑧⑨⑩⓿❶❷❸❹❺❻❼❽❾❿", 0x9F: "•", 0xA7: "▪☐", 0xAB: "★", 0xD8: "➢",
    0xDF: "←→↑↓", 0xE8: "➔", 0xF0: "⇨", 0xFB: "✗✓☒☑",
}  # fmt: skip
_WINGDINGS_2 = {0x4F: "✗✓☒☑☒", 0x97: "•", 0xA3: "☐"}


def _index(runs: Mapping[int, str]) -> dict[int, str]:
    return {start + offset: character for start, run in runs.items() for offset, character in enumerate(run)}


_FONTS = {"symbol": _index(_SYMBOL), "wingdings": _index(_WINGDINGS), "wingdings 2": _index(_WINGDINGS_2)}
_PRIVATE = range(0xF020, 0xF100)
_PRIVATE_CHARACTER = re.compile("[\uf020-\uf0ff]")


def translate_symbol(code: int, font: str) -> str:
    """Return the Unicode character of a code in a symbol font; a bullet if it is not known."""
    table = _FONTS.get(font.casefold())
    if table is None:
        return chr(code) if 0x20 <= code <= 0x10FFFF and code not in _PRIVATE else "•"
    return table.get(code & 0xFF, "•")


def translate_symbols(text: str, font: str) -> str:
    """Replace the private code points of symbol fonts in a text."""
    if text.isascii() or not _PRIVATE_CHARACTER.search(text):
        return text
    return "".join(
        translate_symbol(ord(character), font) if ord(character) in _PRIVATE else character for character in text
    )
