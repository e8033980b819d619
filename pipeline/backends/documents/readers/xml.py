"""Read XML: feeds (RSS, Atom) by entry, the flat XML of Word, other XML by element."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from pipeline.backends.documents.readers.plain import build_paragraphs
from pipeline.backends.documents.reading import File, NestedReader, Reading
from pipeline.parse import Element
from pipeline.text.cleaning import clean_line, clean_text

_TAGS = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->|<[/!?a-zA-Z][^>]*>", re.DOTALL | re.IGNORECASE)
_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_WORD_PARAGRAPH = re.compile(r"\{[^}]*/word(?:processingml|ml)?/[^}]*\}p")
_ENTRY_TAGS = frozenset({"item", "entry"})


def read_xml(file: File, read_nested: NestedReader) -> Reading:  # noqa: ARG001 - reads no nested files
    """Read an XML file; one that is not well-formed is read without its tags."""
    return Reading(_read_elements(clean_text(file.text)))


def _read_elements(text: str) -> list[Element]:
    try:
        # The declared encoding applied to the bytes. Expat limits the expansion of entities.
        root = ET.fromstring(_XML_DECLARATION.sub("", text).lstrip())  # noqa: S314
    except ET.ParseError:
        return build_paragraphs(strip_markup(text))
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
