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
_HTML = re.compile(
    r"</(?:[abiu]|p|em|h[1-6]|[ou]l|li|div|span|strong|table|td|code)\s*>|<(?:br|hr|img)\b[^<>]*>|&\w+;", re.IGNORECASE
)
_SCHEMA = "{http://www.w3.org/2001/XMLSchema-instance}"
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
    stack: list[Element | ET.Element] = [root]
    feed = next((node for node in root.iter() if _local_name(node) in ("channel", "feed")), None)
    for child in feed if feed is not None else ():
        if _local_name(child) == "title":
            yield Element("heading", _to_plain_text(child.text or ""), level=1)
    while stack:
        node = stack.pop()
        if isinstance(node, Element):
            yield node
        elif feed is not None and (tag := _local_name(node)) in _ENTRY_TAGS:  # RSS and Atom: one section per entry
            title = next((child for child in node if _local_name(child) == "title"), None)
            heading = clean_line(_to_plain_text(title.text or ""), 200) if title is not None else ""
            yield Element("heading", heading or tag, level=2)
            yield from (_text_of(child, heading) for child in node)
        elif _is_prose(node):
            yield _text_of(node, "")
        else:
            stack.extend(reversed(list(_split_children(node))))


def _is_prose(node: ET.Element) -> bool:
    """Return whether text stands between the children of an element."""
    return bool((node.text or "").strip()) or any((child.tail or "").strip() for child in node)


def _split_children(node: ET.Element) -> Iterator[Element | ET.Element]:
    """Yield one paragraph for the attributes and fields of a record, and the children that have children."""
    fields = [f"{name.rpartition('}')[2]}: {value}" for name, value in node.attrib.items() if _SCHEMA not in name]
    if not len(node):
        yield Element("paragraph", "\n".join(fields))
        return
    leaves = [child for child in node if not len(child)]
    is_list = len(leaves) > 1 and len({child.tag for child in leaves}) == 1
    for child in node:
        if len(child) or is_list:
            yield Element("paragraph", "\n".join(fields))
            fields = []
        if len(child):
            yield child
        elif field := _format_field(child):
            if is_list:
                yield Element("item", field)
            else:
                fields.append(field)
    yield Element("paragraph", "\n".join(fields))


def _format_field(leaf: ET.Element) -> str:
    """Write an element without children as "name: text (attribute: value)"."""
    text = _to_plain_text(leaf.text or "")
    attributes = "; ".join(f"{name.rpartition('}')[2]}: {value}" for name, value in leaf.attrib.items())
    if text:
        return f"{_local_name(leaf)}: {text}" + (f" ({attributes})" if attributes else "")
    return f"{_local_name(leaf)}: {attributes}" if attributes else ""


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
    """Return a text; markup that it contains as text, as in feeds, is read as HTML."""
    return strip_markup(text) if _HTML.search(text) else text.strip()
