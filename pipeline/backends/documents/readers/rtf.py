"""Read RTF documents.

Hidden text is left out and reported.
"""

from __future__ import annotations

from pipeline.backends.documents.readers.embedded import (
    A4_SQUARE_POINTS,
    EmbeddedFiles,
    describe_pictures,
    list_unread_parts,
)
from pipeline.backends.documents.readers.rich_text.interpreter import Interpreter
from pipeline.backends.documents.reading import File, NestedReader, Reading
from pipeline.parse import Element


def read_rtf(file: File, read_nested: NestedReader) -> Reading:
    """Read an RTF document."""
    found = Interpreter().read(file.content)
    files = EmbeddedFiles(read_nested, file.depth, unread=found.objects)
    pictures = {f"picture{number}.{each.extension}": each for number, each in enumerate(found.pictures, 1)}
    files.pictures = {name: each.square_points for name, each in pictures.items()}
    headers, footers = _without_repetitions(found.headers), _without_repetitions(found.footers)
    has_text = bool(found.elements or headers or footers)
    elements, unread = files.read_pictures(
        lambda name: _from_hexadecimal(pictures[name].hexadecimal), A4_SQUARE_POINTS, file.recogniser, has_text=has_text
    )
    elements = [*headers, *found.elements, *elements, *footers]
    if not elements and files.pictures:
        raise describe_pictures(file)
    unread += [*files.list_unread(), *list_unread_parts([], found.hidden_paragraphs)]
    return Reading(elements, title=found.title or None, unread=unread)


def _without_repetitions(elements: list[Element]) -> list[Element]:
    """Return the elements of all headers or footers, each text once."""
    return list({element.text: element for element in reversed(elements)}.values())[::-1]


def _from_hexadecimal(text: str) -> bytes:
    digits = "".join(text.split())
    try:
        return bytes.fromhex(digits[: len(digits) // 2 * 2])
    except ValueError:
        return b""
