"""Find what drawings, pictures and embedded objects of Word contain."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pipeline.backends.documents.readers.embedded import A4_SQUARE_POINTS
from pipeline.backends.documents.readers.ooxml import XmlElement, attribute, child, descendants, name_of
from pipeline.backends.documents.readers.word.paragraphs import choose_alternative

PartKind = Literal["text", "text_box", "picture", "chart", "diagram", "object"]

_EMU_PER_POINT = 12_700
_POINTS = {"pt": 1.0, "in": 72.0, "cm": 72 / 2.54, "mm": 72 / 25.4, "px": 0.75, "": 0.75}
_LENGTH = re.compile(r"(?:^|;)\s*(width|height):\s*(\d{1,9}(?:\.\d{1,9})?)\s*(pt|in|cm|mm|px)?")
_FILE_NAME = re.compile(r".*\.(?:png|jpe?g|gif|bmp|tiff?|emf|wmf|svg|webp)\s*|https?:\S+", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class DrawingPart:
    """Something inside a drawing."""

    kind: PartKind
    text: str = ""
    """Text, alternative text, or the program of an embedded object."""
    reference: str = ""
    """Identifier of the relationship to the image, chart or embedded file."""
    element: XmlElement | None = None
    """The content of a text box."""
    square_points: float = 0
    """Area of a picture."""


def find_drawing_parts(drawing: XmlElement) -> Iterator[DrawingPart]:
    """Return the parts of a `w:drawing`, `w:pict` or `w:object` element."""
    yield from _find_description(drawing)
    yield from _find_parts(drawing, _measure(drawing))


def _find_description(drawing: XmlElement) -> Iterator[DrawingPart]:
    """Return the alternative text, which is stored once or several times."""
    found: list[str] = []
    for element in descendants(drawing, "wp:docPr", "pic:cNvPr", "v:shape", "v:imagedata", "v:textpath"):
        name = name_of(element)
        if name == "v:textpath":  # WordArt and watermarks
            texts = [attribute(element, "string")]
        elif name.startswith("v:"):
            texts = [attribute(element, "alt"), attribute(element, "o:title")]
        else:
            texts = [attribute(element, "title"), attribute(element, "descr")]
        for text in (" ".join(each.split()) for each in texts):
            if text and text not in found and not _FILE_NAME.fullmatch(text):
                found.append(text)
                yield DrawingPart("text", text)


def _measure(drawing: XmlElement) -> float:
    extent = next(descendants(drawing, "wp:extent"), None)
    if extent is not None:
        width, height = (attribute(extent, side) for side in ("cx", "cy"))
        return _to_number(width) * _to_number(height) / _EMU_PER_POINT**2
    shape = next(descendants(drawing, "v:shape"), None)
    sides = {name: float(size) * _POINTS[unit] for name, size, unit in _LENGTH.findall(attribute(shape, "style"))}
    return sides.get("width", 0) * sides.get("height", 0)


def _find_parts(container: XmlElement, area: float) -> Iterator[DrawingPart]:
    stack = list(reversed(container))
    while stack:
        element = stack.pop()
        name = name_of(element)
        if name == "w:txbxContent":
            yield DrawingPart("text_box", element=element)
        elif name == "a:p":  # text of a drawing canvas
            yield DrawingPart("text", "".join(node.text or "" for node in descendants(element, "a:t")))
        elif name == "mc:AlternateContent":
            chosen = choose_alternative(element)
            stack += [] if chosen is None else [chosen]
        else:
            yield from _find_reference(element, name, area)
            stack += reversed(element)


def _find_reference(element: XmlElement, name: str, area: float) -> Iterator[DrawingPart]:
    if name == "a:blip":
        yield DrawingPart("picture", reference=attribute(element, "r:embed"), square_points=area)
    elif name == "v:imagedata":
        yield DrawingPart("picture", reference=attribute(element, "r:id"), square_points=area)
    elif name == "c:chart":
        yield DrawingPart("chart", reference=attribute(element, "r:id"))
    elif name == "dgm:relIds":
        yield DrawingPart("diagram", reference=attribute(element, "r:dm"))
    elif name == "o:OLEObject":
        yield DrawingPart("object", attribute(element, "ProgID"), attribute(element, "r:id"))


def measure_page(section: XmlElement | None) -> float:
    """Return the area of a page in square points; that of A4 if the section does not set it."""
    size = child(section, "w:pgSz")
    width, height = (_to_number(attribute(size, name)) / 20 for name in ("w:w", "w:h"))
    return width * height or A4_SQUARE_POINTS


def _to_number(text: str) -> float:
    return float(text) if text.isdigit() and len(text) < 12 else 0.0
