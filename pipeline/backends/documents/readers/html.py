"""Read HTML pages."""

from __future__ import annotations

import html
import re

from pipeline.backends.documents.readers.library import elements_of_nodes, run_kreuzberg
from pipeline.backends.documents.reading import File, NestedReader, Reading
from pipeline.backends.documents.sniffing import HTML, MARKDOWN

_META_OF_CHARSET = re.compile(r"<meta[^>]*charset[^>]*>", re.IGNORECASE)
_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_HEAD = re.compile(r"<head\b[^>]*>.*?</head\s*>", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(r"<title\b[^>]*>(.*?)</title\s*>", re.IGNORECASE | re.DOTALL)
_LANGUAGE = re.compile(r"<html\b[^>]*?\blang\s*=\s*[\"']?([A-Za-z-]{2,20})", re.IGNORECASE)
_FRONT_MATTER = re.compile(r"\A---\n(?:[\w:.-]+:.*\n)*\n*(?:## [\w:.-]+:.*\n)?")


def read_html(file: File, read_nested: NestedReader) -> Reading:  # noqa: ARG001 - reads no nested files
    """Read HTML after converting it to Markdown; directly, nested layout tables and quotes are extracted twice."""
    text = file.text
    title, language = _TITLE.search(text), _LANGUAGE.search(text[:5000])
    # The head contains no text, and its charset is wrong now: the bytes are UTF-8.
    body = _XML_DECLARATION.sub("", _META_OF_CHARSET.sub("", _HEAD.sub("", text)))
    markdown = run_kreuzberg(body.encode("utf-8", "replace"), HTML, "", structured=True).content
    result = run_kreuzberg(_FRONT_MATTER.sub("", markdown).encode("utf-8", "replace"), MARKDOWN, "", structured=True)
    return Reading(
        list(elements_of_nodes(result, HTML, "")),
        title=html.unescape(title[1]) if title else None,
        language=language[1] if language else None,
    )
