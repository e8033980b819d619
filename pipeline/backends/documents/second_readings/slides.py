"""The texts of presentations, from the text nodes of the parts with the XML parser of the standard library.

It leaves out page numbers and dates that the program fills in, footers, hidden slides, and what PowerPoint stores for
older programs.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Collection, Iterator
from xml.etree import ElementTree as ET

from pipeline.backends.documents.reading import File
from pipeline.backends.documents.second_readings.parts import local_name, parse_part

_READ = ("slide", "notesSlide", "chart", "diagramData", "comments")
_MARGINS = frozenset({"ftr", "sldNum", "dt", "hdr", "sldImg"})
_FIELDS = ("slidenum", "datetime", "header", "footer")


def read_pptx_texts(file: File) -> Iterator[str]:
    """Return the texts of the slides with their notes, charts, diagrams and comments, paragraph by paragraph."""
    with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
        names = frozenset(archive.namelist())
        seen: set[str] = set()
        waiting = ["ppt/presentation.xml"]
        while waiting:
            name = waiting.pop(0)
            if name in seen:
                continue
            seen.add(name)
            if name != "ppt/presentation.xml":
                root = parse_part(archive, name)
                if root is None or root.get("show") in ("0", "false"):
                    continue
                yield from _walk(root, is_notes="notesSlide" in name)
            waiting += _find_related(archive, names, name)


def _find_related(archive: zipfile.ZipFile, names: Collection[str], name: str) -> Iterator[str]:
    folder, base = posixpath.split(name)
    links = f"{folder}/_rels/{base}.rels"
    root = parse_part(archive, links) if links in names else None
    for node in root if root is not None else ():
        kind = node.get("Type", "").rpartition("/")[2]
        if kind in _READ and node.get("TargetMode") != "External" and not (kind == "slide" and "notesSlide" in name):
            yield posixpath.normpath(posixpath.join("/", folder, node.get("Target", ""))).lstrip("/")


def _walk(element: ET.Element, *, is_notes: bool) -> Iterator[str]:
    """Yield the texts of paragraphs, and the cached names and categories of charts."""
    name = local_name(element.tag)
    if name == "sp" and _is_left_out(element, is_notes=is_notes):
        return
    if name == "p" and element.tag.endswith("/main}p"):
        text = "".join(_read_runs(element))
        if text.strip():
            yield text
    elif name == "chart":  # each series repeats the categories
        yield from (text for child in element for text in _walk(child, is_notes=False))
        caches = (cache for cache in element.iter() if local_name(cache.tag) in ("strCache", "strLit"))
        yield from dict.fromkeys(
            value.text or "" for cache in caches for value in cache.iter() if local_name(value.tag) == "v"
        )
    elif name == "text" and not len(element):
        yield element.text or ""
    elif name not in ("Fallback", "txPr"):
        for child in element:
            yield from _walk(child, is_notes=is_notes)


def _is_left_out(shape: ET.Element, *, is_notes: bool) -> bool:
    kinds = [node.get("type", "") for node in shape.iter() if local_name(node.tag) == "ph"]
    return any(kind in _MARGINS or (is_notes and kind not in ("body", "")) for kind in kinds)


def _read_runs(paragraph: ET.Element) -> Iterator[str]:
    for run in paragraph:
        name = local_name(run.tag)
        if name == "br":
            yield " "
        elif name == "r" or (name == "fld" and not run.get("type", "").startswith(_FIELDS)):
            text = "".join(node.text or "" for node in run if local_name(node.tag) == "t")
            raised = any(node.get("baseline", "0").strip("0%") for node in run if local_name(node.tag) == "rPr")
            number = re.fullmatch(r"\s*[0-9+\-−=ni]{1,8}\s*", text)
            yield text if not raised or number else f" {text} "
