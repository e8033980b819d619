"""Finds the text of Office files that the document library passes over: charts, SmartArt, embedded HTML."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from xml.etree import ElementTree as ET

from pipeline.backends.text_encoding import decode_text
from pipeline.backends.text_formats import text_of_markup
from pipeline.parse import Element, clean_text

_DRAWN = re.compile(r"(?:word|ppt|xl)/(?:charts/chart|diagrams/data)\d*\.xml")
_EMBEDDED_HTML = re.compile(r"word/[^/]+\.(?:html?|xhtml)", re.IGNORECASE)
_TEXT_TAGS = frozenset({"t", "v"})


def elements_passed_over(content: bytes, known: Iterable[Element]) -> Iterator[Element]:
    """Give a paragraph for each chart, diagram and embedded page whose words are not among the elements yet."""
    read = {line.strip() for element in known for line in element.text.split("\n")}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in sorted(archive.namelist()):
            if _DRAWN.fullmatch(name):
                lines = [line for line in _drawn_texts(archive.read(name)) if line not in read]
                yield Element("paragraph", "\n".join(lines))
            elif _EMBEDDED_HTML.fullmatch(name):
                yield Element("paragraph", text_of_markup(clean_text(decode_text(archive.read(name)))))


def _drawn_texts(part: bytes) -> Iterator[str]:
    try:
        root = ET.fromstring(part)  # noqa: S314 -- expat bounds the amplification of entities
    except ET.ParseError:
        return
    seen: set[str] = set()
    for node in root.iter():
        text = (node.text or "").strip() if str(node.tag).rpartition("}")[2] in _TEXT_TAGS else ""
        if text and text not in seen:  # a chart names its categories once for each series
            seen.add(text)
            yield text
