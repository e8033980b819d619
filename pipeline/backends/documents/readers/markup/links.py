"""Resolve the link targets of a page."""

from __future__ import annotations

import re
from urllib.parse import urldefrag, urljoin

from pipeline.backends.documents.readers.markup.tree import Page, attribute

MAX_TARGET_CHARS = 500
"""Characters of a link target up to which it is kept; longer ones are tracking data."""

_SAVED_FROM = re.compile(r"<!--\s*saved from url=\(\d+\)(\S+)")


class LinkResolver:
    """Resolves link targets against the address of the page."""

    def __init__(self, page: Page, text: str, name: str) -> None:
        """Find the address: the page's name if it is a link, otherwise what a browser or the site wrote into it."""
        saved = _SAVED_FROM.search(text[:2000])
        canonical = page.select("link[rel=canonical][href]")
        own = name if name.startswith(("http://", "https://")) else ""
        self._address = own or (saved[1] if saved else "") or (attribute(canonical, "href") if canonical else "")
        base = page.select("base[href]")
        self._base = _join(self._address, attribute(base, "href")) if base else self._address

    def resolve(self, target: str) -> str:
        """Return the absolute target; empty for a target in the same page, a script or a very long one."""
        target = target.strip()
        if not target or target.startswith("#") or len(target) > MAX_TARGET_CHARS:
            return ""
        absolute = target if target.startswith(("https://", "http://")) else _join(self._base, target)
        if "#" in absolute and urldefrag(absolute)[0] == urldefrag(self._address)[0]:
            return ""
        return absolute


def _join(base: str, target: str) -> str:
    try:
        return urljoin(base, target)
    except ValueError:
        return ""
