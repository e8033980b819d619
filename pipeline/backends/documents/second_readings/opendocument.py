"""The texts of OpenDocument texts, from the text nodes of the content with the XML parser of the standard library.

It leaves out deleted text, which is written next to the text that replaced it, and page numbers.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from pipeline.backends.documents.reading import File
from pipeline.backends.documents.second_readings.parts import local_name, parse_part

MAX_DEPTH = 200
"""Elements inside each other that are followed."""

_SKIPPED = frozenset(
    {"tracked-changes", "forms", "note-citation", "page-number", "page-count", "hidden-text", "label"}
    | {"creator", "date", "creator-initials", "sender-initials"}
)
_SPACED = frozenset({"s", "tab", "line-break", "note", "ruby-base", "ruby-text", "frame"})


def read_odt_texts(file: File) -> Iterator[str]:
    """Return the texts of the content, paragraph by paragraph."""
    with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
        root = parse_part(archive, "content.xml")
    if root is None:
        return
    hidden = {
        attribute
        for style in root.iter()
        if local_name(style.tag) == "style" and any("display" in key for node in style for key in node.attrib)
        for key, attribute in style.attrib.items()
        if local_name(key) == "name"
    }
    texts: list[str] = []
    _walk(root, [], texts, hidden, 0)
    yield from texts


def _walk(element: ET.Element, parts: list[str], texts: list[str], hidden: set[str], depth: int) -> None:
    for child in element if depth < MAX_DEPTH else ():
        name = local_name(child.tag)
        style = next((value for key, value in child.attrib.items() if local_name(key) == "style-name"), "")
        if name in _SKIPPED or (style and style in hidden):
            parts.append(child.tail or "")
            continue
        if name in ("p", "h"):
            inner = [child.text or ""]
            _walk(child, inner, texts, hidden, depth + 1)
            texts.append("".join(inner))
            continue
        space = " " if name in _SPACED else ""
        parts += [space, child.text or ""]
        _walk(child, parts, texts, hidden, depth + 1)
        parts += [space, child.tail or ""]
