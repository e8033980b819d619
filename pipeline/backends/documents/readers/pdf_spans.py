"""Extract the text of a PDF page as spans: words drawn next to each other, with position and style.

PDFium returns the characters in the order in which they were drawn. A span keeps this order, which is the logical order
of right-to-left text too; everything beyond a span (lines, columns, tables) follows from positions. Positions are
oriented: x grows in the direction of reading and y downwards, whatever the rotation of page and text.
"""

from __future__ import annotations

import ctypes
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pypdfium2 import PdfTextPage

SLANTED = -1
"""Orientation of text that is drawn neither horizontally nor vertically, such as a watermark."""

HYPHEN = "\x02"
"""PDFium's mark for a hyphen at the end of a line."""

_MAX_GAP = 1.0  # between characters of a span, in font sizes
_RIGHT_TO_LEFT = re.compile("[\u0300-\u036f\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")  # letters, digits and marks
_RAISED = str.maketrans("0123456789+-−()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁽⁾ⁿⁱ")
_LOWERED = str.maketrans("0123456789+-−()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₍₎")


@dataclass(slots=True)
class Span:
    """A stretch of characters on one line without a wide gap."""

    chars: list[str]
    centers: list[float]
    """x of the centre of each character."""
    x0: float
    x1: float
    top: float
    bottom: float
    size: float
    """Font size in points."""
    bold: bool
    baseline: float

    @property
    def text(self) -> str:
        """The characters with marks such as links."""
        return "".join(self.chars)


@dataclass(frozen=True, slots=True)
class _Style:
    """Font and position that all characters of a text object share."""

    size: float
    bold: bool
    orientation: int
    baseline: float


def orient(orientation: int, x: float, y: float) -> tuple[float, float]:
    """Return oriented coordinates of a point of the page."""
    if orientation == 90:
        return y, x
    if orientation == 180:
        return -x, y
    if orientation == 270:
        return -y, -x
    return x, -y


def orient_box(orientation: int, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of a box of the page (left, bottom, right, top) in oriented coordinates."""
    (ax, ay), (bx, by) = orient(orientation, box[0], box[1]), orient(orientation, box[2], box[3])
    return min(ax, bx), min(ay, by), max(ax, bx), max(ay, by)


def read_spans(textpage: PdfTextPage) -> dict[int, list[Span]]:
    """Return the spans of each orientation: 0, 90, 180, 270 or `SLANTED`."""
    from pypdfium2 import raw

    # Called once per character: prototypes without pointer objects take a fifth of the time.
    find_object = ctypes.cast(
        raw.FPDFText_GetTextObject, ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
    )
    find_box = ctypes.cast(
        raw.FPDFText_GetLooseCharBox,
        ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p),
    )
    handle = ctypes.cast(textpage.raw, ctypes.c_void_p).value
    box = (ctypes.c_float * 4)()  # left, top, right, bottom
    address = ctypes.addressof(box)
    styles: dict[int, _Style] = {}
    builder = _SpanBuilder()
    for index, char in enumerate(read_text(textpage)):
        owner = find_object(handle, index)
        if owner is None or char.isspace():
            builder.pending_space = True
        elif (char >= " " or char == HYPHEN) and find_box(handle, index, address):
            style = styles.get(owner)
            if style is None:
                style = styles[owner] = _read_style(textpage, index, (box[0], box[3], box[2], box[1]))
            low, high, sign = _EXTENTS[style.orientation]
            builder.add(char, sign * box[low], sign * box[high], style)
    return builder.groups


_EXTENTS = {0: (0, 2, 1), 90: (3, 1, 1), 180: (2, 0, -1), 270: (1, 3, -1), SLANTED: (0, 2, 1)}
"""Where the beginning and the end of a character are in its box, and their sign, by orientation."""


class _SpanBuilder:
    """Appends characters to the current span, or begins the next one."""

    def __init__(self) -> None:
        self.groups: dict[int, list[Span]] = {}
        self.pending_space = False
        self._span: Span | None = None
        self._style: _Style | None = None
        self._x0 = self._x1 = 0.0
        self._start = 0  # of the characters in the last box

    def add(self, char: str, x0: float, x1: float, style: _Style) -> None:
        span = self._span
        if span is None or not self._continues(span, char, x0, x1, style):
            span = self._span = self._begin(x0, x1, style)
        else:
            shifted = _shift(char, span, style) if style.size < 0.8 * span.size else char
            if self.pending_space and (shifted == char or x0 - self._x1 > 0.25 * span.size):
                span.chars.append(" ")
                span.centers.append(self._x1)
            char = shifted
            span.bold = span.bold and style.bold
        if x0 == self._x0 and x1 == self._x1 and _RIGHT_TO_LEFT.match(char):
            # PDFium reverses the letters of a ligature, which share a box, with the whole line.
            span.chars.insert(self._start, char)
        else:
            self._start = len(span.chars)
            span.chars.append(char)
        span.centers.append((x0 + x1) / 2)
        span.x1 = max(span.x1, x1)
        span.x0 = min(span.x0, x0)
        self._style, self._x0, self._x1, self.pending_space = style, x0, x1, False

    def _begin(self, x0: float, x1: float, style: _Style) -> Span:
        size, baseline = style.size, style.baseline
        span = Span([], [], x0, x1, baseline - 0.8 * size, baseline + 0.2 * size, size, style.bold, baseline)
        self.groups.setdefault(style.orientation, []).append(span)
        return span

    def _continues(self, span: Span, char: str, x0: float, x1: float, style: _Style) -> bool:
        """Return whether a character belongs to the span: same line, no wide gap, no jump back."""
        if style is self._style and x0 - self._x0 >= 0 and x0 - self._x1 <= _MAX_GAP * span.size:
            return True
        size = max(span.size, style.size)
        if style.orientation != (self._style or style).orientation or abs(style.baseline - span.baseline) > 0.6 * size:
            return False
        if max(x0 - self._x1, self._x0 - x1) > _MAX_GAP * size:
            return False
        return x0 >= self._x0 - 0.3 * size or _RIGHT_TO_LEFT.match(char) is not None


def _shift(char: str, span: Span, style: _Style) -> str:
    """Return a raised or lowered digit as superscript or subscript."""
    raised = span.baseline - style.baseline
    if raised > 0.15 * span.size:
        return char.translate(_RAISED)
    return char.translate(_LOWERED) if raised < -0.08 * span.size else char


_Box = tuple[float, float, float, float]


def read_text(textpage: PdfTextPage) -> str:
    """Return the text of a page with one character per index of PDFium."""
    from pypdfium2 import raw

    text: str = textpage.get_text_range(errors="replace")
    count = textpage.count_chars()
    if len(text) == count:
        return text.replace("\ufffe", HYPHEN)
    codes = [raw.FPDFText_GetUnicode(textpage, index) for index in range(count)]
    return "".join(
        chr(code) if code <= 0x10FFFF and not 0xD800 <= code < 0xE000 else "\ufffd" for code in codes
    ).replace("\ufffe", HYPHEN)


def _read_style(textpage: PdfTextPage, index: int, box: _Box) -> _Style:
    from pypdfium2 import raw

    matrix = raw.FS_MATRIX()
    raw.FPDFText_GetMatrix(textpage, index, matrix)
    angle = math.degrees(math.atan2(matrix.b, matrix.a)) % 360
    orientation = round(angle / 90) * 90 % 360
    if abs(angle - round(angle / 90) * 90) > 5:
        orientation = SLANTED
    size = raw.FPDFText_GetFontSize(textpage, index) * math.hypot(matrix.c, matrix.d)
    height = box[2] - box[0] if orientation in (90, 270) else box[3] - box[1]
    if height > 0 and not 0.5 * height <= size <= 2.5 * height:  # Type 3 fonts have units of their own
        size = height
    x, y = ctypes.c_double(), ctypes.c_double()
    raw.FPDFText_GetCharOrigin(textpage, index, x, y)
    return _Style(size, _is_bold(textpage, index), orientation, orient(orientation, x.value, y.value)[1])


def _is_bold(textpage: PdfTextPage, index: int) -> bool:
    from pypdfium2 import raw

    name = ctypes.create_string_buffer(128)
    raw.FPDFText_GetFontInfo(textpage, index, name, len(name), None)
    font = name.value.lower()
    return any(word in font for word in (b"bold", b"black", b"heavy", b"cmbx"))
