"""Fonts for pictures: matplotlib's default font and an installed Chinese font, and the characters they cover."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.font_manager import FontEntry
    from matplotlib.ft2font import FT2Font

LATIN_FAMILY = "DejaVu Sans"
CHINESE_FAMILY_PREFIXES = (
    "noto sans cjk",
    "source han sans",
    "wenquanyi",
    "droid sans fallback",
    "microsoft yahei",
    "pingfang",
    "heiti",
    "simhei",
    "arial unicode",
)
"""Prefixes of font families with Chinese characters, in order of preference."""
MAX_MISSING_SHARE = 0.3
"""Maximum share of characters that may be dropped; a text with more missing glyphs is not drawn."""
RIGHT_TO_LEFT_CLASSES = {"R", "AL", "AN"}
"""Bidirectional classes that matplotlib draws in the wrong direction."""


@dataclass(frozen=True, slots=True)
class _FontFace:
    """A loaded font with the characters it covers."""

    family: str
    font: FT2Font
    characters: frozenset[int]


def font_families() -> list[str]:
    """Return the font families in fallback order."""
    return [face.family for face in _load_faces(bold=False)]


def remove_undrawable(text: str) -> str:
    """Drop characters without a glyph; return an empty text if more than `MAX_MISSING_SHARE` of them are missing."""
    visible = [character for character in text if not character.isspace()]
    missing = [character for character in visible if not _has_glyph(character)]
    if not visible or len(missing) > MAX_MISSING_SHARE * len(visible):
        return ""
    return " ".join("".join(character for character in text if character.isspace() or _has_glyph(character)).split())


def measure_width(text: str, size_pt: float, *, bold: bool) -> float:
    """Return the width of a text in points."""
    return sum(_glyph_advance(character, bold=bold) for character in text) * size_pt


def truncate_to_width(text: str, size_pt: float, room_pt: float, *, bold: bool) -> str:
    """Truncate a text to a width in points, with an ellipsis."""
    if measure_width(text, size_pt, bold=bold) <= room_pt:
        return text
    while text and measure_width(text + "…", size_pt, bold=bold) > room_pt:
        text = text[:-1]
    return text.rstrip() + "…"


def _has_glyph(character: str) -> bool:
    if unicodedata.bidirectional(character) in RIGHT_TO_LEFT_CLASSES:
        return False
    return any(ord(character) in face.characters for face in _load_faces(bold=False))


@cache
def _glyph_advance(character: str, *, bold: bool) -> float:
    for face in _load_faces(bold=bold):
        if ord(character) in face.characters:
            return float(face.font.load_char(ord(character)).linearHoriAdvance) / 65536
    return 1.0


@cache
def _load_faces(*, bold: bool) -> tuple[_FontFace, ...]:
    from matplotlib.font_manager import FontProperties, findfont, fontManager

    weight = "bold" if bold else "normal"
    faces = [_load_face(LATIN_FAMILY, findfont(FontProperties(family=LATIN_FAMILY, weight=weight)))]
    for name in CHINESE_FAMILY_PREFIXES:
        match: FontEntry | None = next((f for f in fontManager.ttflist if f.name.lower().startswith(name)), None)
        if match is not None:
            faces.append(_load_face(match.name, findfont(FontProperties(family=match.name, weight=weight))))
            break
    return tuple(faces)


def _load_face(family: str, path: str) -> _FontFace:
    from matplotlib.ft2font import FT2Font

    font = FT2Font(path)
    font.set_size(1.0, 72)
    return _FontFace(family, font, frozenset(font.get_charmap()))
