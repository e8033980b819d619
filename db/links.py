"""Links that are stored for users to open."""

from __future__ import annotations

import re
from typing import Any

from pipeline.errors import LinkNotAllowed
from pipeline.text.cleaning import remove_unstorable

# No spaces, no character that could end the link in Markdown or HTML, and no user name or password.
_LINK = re.compile(r"https?://[^\s/?#@<>\"'`\\]+([/?#][^\s<>\"'`\\]*)?", re.IGNORECASE)
_CREDENTIALS = re.compile(r"\s*[a-z][a-z0-9+.-]*:[/\\]*[^/\\?#]*@", re.IGNORECASE)
MAX_LINK_CHARS = 2000


def parse_web_link(value: Any) -> str | None:
    """Return the value as an http(s) link that a browser can open, or None if it is anything else."""
    if not isinstance(value, str) or len(value) > MAX_LINK_CHARS:
        return None
    link = remove_unstorable(value).strip()
    return link if _LINK.fullmatch(link) and link.isprintable() else None


def require_no_credentials(link: str) -> None:
    """Raise `LinkNotAllowed`, without the link, if it contains a user name or password."""
    if _CREDENTIALS.match(link):
        raise LinkNotAllowed("The link contains a user name or password. Remove it, or save the page and add the file.")
