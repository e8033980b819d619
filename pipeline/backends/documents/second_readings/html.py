"""A second reading of HTML: the text nodes of a page, with the parser of the standard library."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from pipeline.backends.documents.reading import File

_VOID = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
})  # fmt: skip
_UNSHOWN = frozenset({
    "script", "style", "template", "noscript", "head", "title", "audio", "video", "canvas", "object", "datalist",
    "map", "dialog", "iframe", "noframes", "noembed", "math", "nav", "rp",
})  # fmt: skip
_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "br", "button", "caption", "center", "dd", "details",
    "dialog", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5",
    "h6", "header", "hr", "input", "label", "legend", "li", "main", "menu", "ol", "optgroup", "option", "p", "pre",
    "rt", "search", "section", "select", "slot", "summary", "svg", "table", "tbody", "td", "textarea", "tfoot",
    "th", "thead", "tr", "ul",
})  # fmt: skip
_REPEATABLE = frozenset({"p", "li", "dt", "dd", "td", "th", "tr", "option"})
_CONTAINERS = frozenset({"ul", "ol", "dl", "table", "select", "div", "section", "article", "blockquote", "body"})
_HIDDEN = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_LINE_THROUGH = re.compile(r"\.([\w-]+)\s*\{[^{}]*line-through", re.IGNORECASE)
_SITE_PARTS = re.compile(
    r"cookie|consent|gdpr|onetrust|didomi|usercentrics|share|social|addtoany|a2a_kit|addthis|skip-|katex-html",
    re.IGNORECASE,
)
_JOINED_SUPERSCRIPT = re.compile(r"\s*(?:[0-9+\-−=ni]{1,8}|[^\W\d_]{1,4}\.?|[®™*†‡§°º]+)\s*")
_MAX_OPEN = 512


class _TextNodes(HTMLParser):
    """Collects the shown text block by block; parts of the site such as menus and cookie banners are left out."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self._struck_classes = frozenset(_LINE_THROUGH.findall(page)) if "line-through" in page else frozenset()
        self._text: list[str] = []
        self._open: list[tuple[str, bool, bool]] = []
        """Tag of the open elements, and whether each or one around it is not shown or struck out."""
        self._in_link = False
        self._only_link = False
        self._raised_from: int | None = None
        """Where the text of an open superscript starts."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS:
            self._end_text()
        if tag in _VOID:
            return
        if tag in _REPEATABLE:
            self._close_repeated(tag)
        hidden, struck = self._open[-1][1:] if self._open else (False, False)
        attributes = dict(attrs)
        if not hidden:
            hidden = tag in _UNSHOWN or (bool(attributes) and self._is_left_out(attributes))
        if not struck:
            struck = tag in ("del", "s", "strike") or (bool(attributes) and self._is_struck(attributes))
        if len(self._open) < _MAX_OPEN:
            self._open.append((tag, hidden, struck))
        if tag == "sup":
            self._raised_from = len(self._text)
        elif tag == "li":
            self._only_link = True
        elif tag == "a":
            self._in_link = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "sup":
            self._end_superscript()
        elif tag == "a":
            self._in_link = False
        for position in range(len(self._open) - 1, max(-1, len(self._open) - 32), -1):
            if self._open[position][0] == tag:
                del self._open[position:]
                break
        if tag in _BLOCKS:
            self._end_text()
        if tag in ("ul", "ol"):
            self._only_link = False

    def handle_data(self, data: str) -> None:
        _, hidden, struck = self._open[-1] if self._open else ("", False, False)
        if hidden:
            return
        if not self._in_link and not data.isspace():
            self._only_link = False
        if struck and data.strip():
            data = f" ~~{data.strip()}~~ "
        self._text.append(data)

    def close(self) -> None:
        super().close()
        self._end_text()

    def _end_text(self) -> None:
        text, self._text, self._raised_from = "".join(self._text).replace("\0", ""), [], None
        if not self._only_link and text.strip():  # items of one link are menus, or checked by their number only
            self.texts.append(text)

    def _end_superscript(self) -> None:
        """Separate raised terms, and numbers in brackets, from the text next to them."""
        if self._raised_from is None:
            return
        text = "".join(self._text[self._raised_from :])
        del self._text[self._raised_from :]
        self._raised_from = None
        text = re.sub(r"[\[\]]", "", text)
        after_other = bool(self._text) and self._text[-1] == "\0"
        self._text += [text if _JOINED_SUPERSCRIPT.fullmatch(text) and not after_other else f" {text} ", "\0"]

    def _close_repeated(self, tag: str) -> None:
        """Close an element whose end tag was left out."""
        for position in range(len(self._open) - 1, max(-1, len(self._open) - 8), -1):
            if self._open[position][0] == tag:
                del self._open[position:]
                return
            if self._open[position][0] in _CONTAINERS:
                return

    def _is_left_out(self, attributes: dict[str, str | None]) -> bool:
        if "hidden" in attributes and attributes["hidden"] != "until-found":
            return True
        if attributes.get("role") in ("navigation", "menu", "menubar"):
            return True
        if _HIDDEN.search(attributes.get("style") or ""):
            return True
        return bool(_SITE_PARTS.search(f"{attributes.get('class') or ''} {attributes.get('id') or ''}"))

    def _is_struck(self, attributes: dict[str, str | None]) -> bool:
        if "line-through" in (attributes.get("style") or ""):
            return True
        return bool(self._struck_classes) and not self._struck_classes.isdisjoint(
            (attributes.get("class") or "").split()
        )


def read_html_texts(file: File) -> Iterator[str]:
    """Yield the shown texts of a page block by block."""
    parser = _TextNodes(file.text)
    parser.feed(file.text)
    parser.close()
    yield from parser.texts
