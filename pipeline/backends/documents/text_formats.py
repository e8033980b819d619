"""Extract elements from decoded CSV, JSON, XML, subtitles and plain text."""

from __future__ import annotations

import csv
import html
import io
import itertools
import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree as ET

from pipeline.backends.documents import sniffing
from pipeline.errors import UnreadableFile
from pipeline.parse import Element, build_table_elements
from pipeline.text.cleaning import clean_line, clean_text

_PARAGRAPHS = re.compile(r"\n[ \t]*\n\s*")
_CUE = re.compile(r"^\d+\s*$\n?(?=.*-->)|^.*\d+:\d\d.*-->.*$\n?|^WEBVTT.*$\n?", re.MULTILINE)
_TAGS = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->|<[/!?a-zA-Z][^>]*>", re.DOTALL | re.IGNORECASE)
_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_WORD_PARAGRAPH = re.compile(r"\{[^}]*/word(?:processingml|ml)?/[^}]*\}p")
_ENTRY_TAGS = frozenset({"item", "entry"})
_MAX_FIELD_CHARS = 10_000_000


def read_text_elements(text: str, media_type: str, name: str) -> list[Element]:
    """Extract the elements of a text format that needs no document library."""
    readers: dict[str, Callable[[str], list[Element]]] = {
        sniffing.CSV: _read_table,
        sniffing.TSV: _read_table,
        sniffing.JSON: _read_json,
        sniffing.SUBTITLES: lambda content: _read_plain(_CUE.sub("", content)),
        sniffing.XML: _read_xml,
    }
    try:
        return readers.get(media_type, _read_plain)(clean_text(text))
    except csv.Error as error:
        raise UnreadableFile(f"{name} cannot be read as a table: {error}.") from error


def _read_plain(text: str) -> list[Element]:
    return [Element("paragraph", part) for part in _PARAGRAPHS.split(text)]


def _read_table(text: str) -> list[Element]:
    csv.field_size_limit(_MAX_FIELD_CHARS)
    sample = text[:20_000]
    try:
        dialect: Any = csv.Sniffer().sniff(sample, delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel_tab if sample.count("\t") > sample.count(",") else csv.excel
    return build_table_elements(list(csv.reader(io.StringIO(text), dialect)))


def _read_json(text: str) -> list[Element]:
    value = json.loads(text)
    if isinstance(value, list) and value and all(_is_flat(row) for row in value):
        columns = list(dict.fromkeys(itertools.chain.from_iterable(value)))
        rows = [columns] + [[_scalar(row.get(column, "")) for column in columns] for row in value]
        return build_table_elements([[str(cell) for cell in row] for row in rows])
    parts = value if isinstance(value, list) else [value]
    return [Element("paragraph", "\n".join(_json_lines(part, ""))) for part in parts]


def _is_flat(row: object) -> bool:
    return isinstance(row, dict) and not any(isinstance(cell, (dict, list)) for cell in row.values())


def _json_lines(value: object, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _json_lines(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        if all(not isinstance(inner, (dict, list)) for inner in value):
            yield f"{path}: " + ", ".join(map(_scalar, value)) if path else "\n".join(map(_scalar, value))
        else:
            for inner in value:
                yield from _json_lines(inner, path)
    else:
        yield f"{path}: {_scalar(value)}" if path else _scalar(value)


def _scalar(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _read_xml(text: str) -> list[Element]:
    try:
        # The declared encoding applied to the bytes. Expat limits the expansion of entities.
        root = ET.fromstring(_XML_DECLARATION.sub("", text).lstrip())  # noqa: S314
    except ET.ParseError:
        return _read_plain(strip_markup(text))
    paragraphs = [node for node in root.iter() if _WORD_PARAGRAPH.fullmatch(str(node.tag))]
    if paragraphs:  # XML of Word: everything else is layout
        texts = ("".join(part.text or "" for part in node.iter() if _local_name(part) == "t") for node in paragraphs)
        return [Element("paragraph", text) for text in texts]
    return list(_walk(root))


def _walk(root: ET.Element) -> Iterator[Element]:
    stack = [root]
    feed = next((node for node in root.iter() if _local_name(node) in ("channel", "feed")), None)
    for child in feed if feed is not None else ():
        if _local_name(child) == "title":
            yield Element("heading", _to_plain_text(child.text or ""), level=1)
    while stack:
        node = stack.pop()
        tag = _local_name(node)
        if tag in _ENTRY_TAGS:  # RSS and Atom: one section per entry
            title = next((child for child in node if _local_name(child) == "title"), None)
            heading = clean_line(_to_plain_text(title.text or ""), 200) if title is not None else ""
            yield Element("heading", heading or tag, level=2)
            yield from (_text_of(child, heading) for child in node)
        elif len(node) == 0 or (node.text or "").strip():
            yield _text_of(node, "")
        else:
            stack.extend(reversed(node))


def _text_of(node: ET.Element, heading: str) -> Element:
    parts = [_to_plain_text(part) for part in node.itertext()]
    text = "\n".join(part for part in parts if part)
    if text == heading or not text:
        return Element("paragraph", "")
    is_field = len(node) == 0 and len(text) < 80 and "\n" not in text
    return Element("item" if is_field else "paragraph", f"{_local_name(node)}: {text}" if is_field else text)


def _local_name(node: ET.Element) -> str:
    return str(node.tag).rpartition("}")[2]


def strip_markup(text: str) -> str:
    """Remove tags, scripts and styles, and resolve entities; for invalid XML and HTML inside other formats."""
    return re.sub(r"[ \t]*\n\s*", "\n", html.unescape(_TAGS.sub("\n", text))).strip()


def _to_plain_text(text: str) -> str:
    # Feeds contain HTML as text.
    return strip_markup(text) if "<" in text else html.unescape(text).strip()
