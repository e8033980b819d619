"""Read HTML pages: what a browser shows of them, without the menus of the site."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from pipeline.backends.documents.readers.markup.blocks import BlockReader
from pipeline.backends.documents.readers.markup.links import LinkResolver
from pipeline.backends.documents.readers.markup.tree import Page, attribute
from pipeline.backends.documents.reading import File, NestedReader, Reading
from pipeline.errors import EmptyDocument
from pipeline.parse import Element

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")
_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_EMPTY_ELEMENT = re.compile(r"<([A-Za-z][\w:-]*)((?:\s[^<>]*)?)/>")
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)
_WORD = re.compile(r"\w")
_MAX_JSON_DEPTH = 20


def read_html(file: File, read_nested: NestedReader) -> Reading:  # noqa: ARG001 - reads no nested files
    """Read an HTML page."""
    reading = read_markup(file.text, file.name)
    if not any(_WORD.search(element.text) for element in reading.elements):
        raise EmptyDocument(_describe_empty_page(Page(file.text), file.name))
    return reading


def read_markup(text: str, name: str, *, with_menus: bool = False) -> Reading:
    """Read HTML; a page that consists of menus, such as a site map, is read with them.

    Args:
        text: A page or a part of one.
        name: File name, or the address against which relative links are resolved.
        with_menus: Read menus and banners of the site as well.
    """
    declaration = _XML_DECLARATION.match(text)
    page = Page(_EMPTY_ELEMENT.sub(_close_empty_element, text[declaration.end() :]) if declaration else text)
    links = LinkResolver(page, text, name)
    elements: list[Element] = []
    if page.body is not None:
        elements = BlockReader(page, links, with_menus=with_menus).read(page.body)
        if not with_menus and not _has_text(elements):
            elements = BlockReader(page, links, with_menus=True).read(page.body)
    if not _has_text(elements):
        elements = [Element("paragraph", article) for article in _find_articles(page)]
    title = page.select("head > title")
    root = page.select("html")
    language = _LANGUAGE.fullmatch(attribute(root, "lang").strip()) if root is not None else None
    return Reading(
        elements,
        title=title.text().strip() or None if title is not None else None,
        language=language[0] if language else None,
    )


def _close_empty_element(match: re.Match[str]) -> str:
    """Write `<script/>` of XHTML as HTML, in which it would not be closed."""
    return match[0] if match[1].lower() in _VOID else f"<{match[1]}{match[2]}></{match[1]}>"


def _has_text(elements: list[Element]) -> bool:
    return any(_WORD.search(element.text) for element in elements)


def _find_articles(page: Page) -> Iterator[str]:
    """Yield the article texts of the structured data (JSON-LD), which some pages of scripts contain."""
    for script in page.parser.css('script[type="application/ld+json"]'):
        try:
            yield from _article_bodies(json.loads(script.text()), 0)
        except (ValueError, RecursionError):
            continue


def _article_bodies(value: object, depth: int) -> Iterator[str]:
    if depth > _MAX_JSON_DEPTH:
        return
    if isinstance(value, dict):
        body = value.get("articleBody")
        if isinstance(body, str):
            yield body
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _article_bodies(inner, depth + 1)


def _describe_empty_page(page: Page, name: str) -> str:
    frames = [attribute(frame, "src") for frame in page.parser.css("frame[src], iframe[src]")]
    if frames:
        return (
            f"{name} contains no text: it consists of frames that show other pages ({', '.join(frames[:5])}). "
            "Add these pages instead."
        )
    if page.select("script") is not None:
        return (
            f"{name} contains no text: the page is made by JavaScript, which Refdesk does not run. "
            "Open it in a browser, save it there as PDF or as a complete page, and add that file."
        )
    return f"{name} contains no text."
