"""Which characters a picture can show here: matplotlib's own font, and a Chinese one where one is installed."""

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
"""Beginnings of names of fonts that have Chinese characters, the best first."""
MAX_MISSING_SHARE = 0.3
"""Share of a text's characters that may be left out before it says nothing any more."""
RIGHT_TO_LEFT_CLASSES = {"R", "AL", "AN"}
"""Directions that matplotlib would draw the wrong way round."""


@dataclass(frozen=True, slots=True)
class _FontFace:
    """A font with its characters."""

    family: str
    font: FT2Font
    characters: frozenset[int]


def font_families() -> list[str]:
    """Name the fonts that a text is drawn with, each for what the ones before it lack."""
    return [face.family for face in _load_faces(bold=False)]


def remove_undrawable(text: str) -> str:
    """Leave out what no font has; nothing remains of a text that would lose its sense."""
    wanted = [character for character in text if not character.isspace()]
    lost = [character for character in wanted if not _has_glyph(character)]
    if not wanted or len(lost) > MAX_MISSING_SHARE * len(wanted):
        return ""
    return " ".join("".join(character for character in text if character.isspace() or _has_glyph(character)).split())


def measure_width(text: str, size_pt: float, *, bold: bool) -> float:
    """Measure a text in points."""
    return sum(_glyph_advance(character, bold=bold) for character in text) * size_pt


def truncate_to_width(text: str, size_pt: float, room_pt: float, *, bold: bool) -> str:
    """Cut a text to a width, with an ellipsis."""
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
    found = [_load_face(LATIN_FAMILY, findfont(FontProperties(family=LATIN_FAMILY, weight=weight)))]
    for name in CHINESE_FAMILY_PREFIXES:
        match: FontEntry | None = next((f for f in fontManager.ttflist if f.name.lower().startswith(name)), None)
        if match is not None:
            found.append(_load_face(match.name, findfont(FontProperties(family=match.name, weight=weight))))
            break
    return tuple(found)


def _load_face(family: str, path: str) -> _FontFace:
    from matplotlib.ft2font import FT2Font

    font = FT2Font(path)
    font.set_size(1.0, 72)
    return _FontFace(family, font, frozenset(font.get_charmap()))
