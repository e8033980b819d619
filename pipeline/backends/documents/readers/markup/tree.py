"""Parse HTML into the tree that a browser builds, with selectolax (Lexbor)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from selectolax.lexbor import LexborHTMLParser, LexborNode

MAX_DEPTH = 128
"""Elements inside elements; deeper ones are read without their structure. The library needs quadratic time for them."""
MAX_LINE_THROUGH_SELECTORS = 100

_TAG_NAME = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)")
_TEMPLATE = re.compile(r"<(/?)template\b(?P<attributes>[^<>]{0,500})", re.IGNORECASE)
_RULE = re.compile(r"([^{}]{1,500})\{([^{}]*)\}")
_CSS_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_LINE_THROUGH = re.compile(r"text-decoration(?:-line)?\s*:[^;{}]*\bline-through\b", re.IGNORECASE)
_HIDDEN = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden)\b", re.IGNORECASE)

# Elements without an end tag, or whose end tag is often left out: they do not nest.
_NOT_NESTED = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
    "p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option", "optgroup", "rt", "rp", "caption",
    "colgroup", "html", "head", "body", "script", "style", "textarea", "title", "noscript", "template", "iframe",
    "svg",
})  # fmt: skip
_STRUCK = frozenset({"del", "s", "strike"})
_UNSHOWN = frozenset({
    "script", "style", "template", "noscript", "head", "title", "meta", "link", "base", "audio", "video", "canvas",
    "object", "datalist", "map", "area", "rp", "param", "source", "track", "noframes", "noembed",
})  # fmt: skip

Attributes = Mapping[str, str | None]
"""The attributes of an element; one without a value has the value None."""


class Page:
    """A parsed page."""

    def __init__(self, text: str) -> None:
        """Parse the page; nesting beyond `MAX_DEPTH` is flattened."""
        markup = _limit_depth(_open_shadow_roots(text)).replace("\x00", "")
        self.parser = LexborHTMLParser(markup.encode("utf-8", "replace"))
        self.root = self.parser.root
        self.body = self.parser.body
        self._struck = self._find_struck_nodes()

    def select(self, selector: str) -> LexborNode | None:
        """Return the first element that matches a CSS selector."""
        return self.parser.css_first(selector)

    def is_struck(self, node: LexborNode, attributes: Attributes) -> bool:
        """Return whether an element strikes out its text."""
        if node.tag in _STRUCK or (self._struck and node.mem_id in self._struck):
            return True
        style = attributes.get("style")
        return bool(style and _LINE_THROUGH.search(style))

    def _find_struck_nodes(self) -> set[int]:
        """Find the elements that the style sheets of the page strike out."""
        struck: set[int] = set()
        selectors: list[str] = []
        for sheet in self.parser.css("style"):
            for match in _RULE.finditer(_CSS_COMMENT.sub("", sheet.text())):
                if _LINE_THROUGH.search(match[2]):
                    selectors += match[1].rpartition(";")[2].split(",")
        for selector in selectors[:MAX_LINE_THROUGH_SELECTORS]:
            if ":" not in selector and "@" not in selector:
                struck.update(node.mem_id for node in self._select_all(selector.strip()))
        return struck

    def _select_all(self, selector: str) -> list[LexborNode]:
        try:
            return self.parser.css(selector) if selector else []
        except ValueError:
            return []


def attribute(node: LexborNode, name: str) -> str:
    """Return the value of an attribute; empty if the element does not have it."""
    return node.attributes.get(name) or ""


def children(node: LexborNode) -> Iterator[LexborNode]:
    """Yield the child nodes, texts included."""
    child = node.child
    while child is not None:
        yield child
        child = child.next


def is_shown(node: LexborNode, attributes: Attributes | None = None) -> bool:
    """Return whether a browser shows an element when the page has loaded."""
    if node.tag in _UNSHOWN:
        return False
    attributes = node.attributes if attributes is None else attributes
    if not attributes:
        return node.tag != "dialog"
    if "hidden" in attributes and attributes["hidden"] != "until-found":
        return False
    if node.tag == "dialog" and "open" not in attributes:
        return False
    style = attributes.get("style")
    return not (style and _HIDDEN.search(style))


def _limit_depth(text: str) -> str:
    """Replace the tags of elements that are nested too deep with tags that have no effect."""
    if not _is_too_deep(text):
        return text
    depth = surplus = 0

    def replace(match: re.Match[str]) -> str:
        nonlocal depth, surplus
        if match[2].lower() in _NOT_NESTED:
            return match[0]
        if match[1]:
            if surplus:
                surplus -= 1
                return "</wbr"
            depth = max(0, depth - 1)
        elif depth == MAX_DEPTH:
            surplus += 1
            return "<wbr"
        else:
            depth += 1
        return match[0]

    return _TAG_NAME.sub(replace, text)


def _is_too_deep(text: str) -> bool:
    if text.count("<") <= MAX_DEPTH:
        return False
    depth = 0
    for end, name in _TAG_NAME.findall(text):
        if name not in _NOT_NESTED:
            depth = max(0, depth - 1) if end else depth + 1
            if depth > MAX_DEPTH:
                return True
    return False


def _open_shadow_roots(text: str) -> str:
    """Replace templates that declare a shadow root, which a browser shows, with ordinary elements."""
    if "shadowroot" not in text:
        return text
    declared: list[bool] = []

    def replace(match: re.Match[str]) -> str:
        if match[1]:
            is_root = declared.pop() if declared else False
        else:
            is_root = "shadowroot" in match["attributes"].lower()
            declared.append(is_root)
        return f"<{match[1]}div{match['attributes']}" if is_root else match[0]

    return _TEMPLATE.sub(replace, text)
