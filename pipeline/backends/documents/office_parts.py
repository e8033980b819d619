"""Extract text of Office files that the document library ignores: charts and SmartArt."""

from __future__ import annotations

import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from xml.etree import ElementTree as ET

from pipeline.parse import Element

_DRAWN = re.compile(r"(?:ppt|xl)/(?:charts/chart|diagrams/data)\d*\.xml")
_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, ET.ParseError, EOFError, OSError, NotImplementedError)
_TEXT_TAGS = frozenset({"t", "v"})


def find_missed_elements(content: bytes, known: Iterable[Element]) -> tuple[list[Element], list[str]]:
    """Return a paragraph for each chart and diagram, without lines that are among the elements.

    The second list has a warning for each damaged part, which is left out.
    """
    known_lines = {line.strip() for element in known for line in element.text.split("\n")}
    elements: list[Element] = []
    warnings: list[str] = []
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in sorted(archive.namelist()):
            if not _DRAWN.fullmatch(name):
                continue
            try:
                lines = [line for line in _drawn_texts(archive.read(name)) if line not in known_lines]
                elements.append(Element("paragraph", "\n".join(lines)))
            except _DAMAGE:
                warnings.append(f"The part {name} is damaged and was left out.")
    return elements, warnings


def _drawn_texts(part: bytes) -> Iterator[str]:
    root = ET.fromstring(part)  # noqa: S314 -- expat bounds the amplification of entities
    seen: set[str] = set()
    for node in root.iter():
        text = (node.text or "").strip() if str(node.tag).rpartition("}")[2] in _TEXT_TAGS else ""
        if text and text not in seen:  # a chart repeats its categories for each series
            seen.add(text)
            yield text
