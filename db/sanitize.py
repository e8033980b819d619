"""The last line of defence before the store: PostgreSQL takes neither NUL nor half of a surrogate pair."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# A web link that people can open: no spaces, nothing that could end it in Markdown or HTML, and no name and password.
_LINK = re.compile(r"https?://[^\s/?#@<>\"'`\\]+([/?#][^\s<>\"'`\\]*)?", re.IGNORECASE)
MAX_LINK_CHARS = 2000


def parse_web_link(value: Any) -> str | None:
    """Give a link that people can open, or None for anything else."""
    if not isinstance(value, str) or len(value) > MAX_LINK_CHARS:
        return None
    link = sanitize_value(value).strip()
    return link if _LINK.fullmatch(link) and link.isprintable() else None


def sanitize_value(value: Any) -> Any:
    """Give a text, or everything inside a JSON value, without the characters that no column takes."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "ignore").decode("utf-8")
    if isinstance(value, Mapping):
        return {sanitize_value(key): sanitize_value(inside) for key, inside in value.items()}
    if isinstance(value, (list, tuple)):
        return [sanitize_value(inside) for inside in value]
    return value
