"""Rewrite share links of well-known services to the file behind them."""

from __future__ import annotations

import re

_GOOGLE = re.compile(
    r"https://docs\.google\.com/(?P<kind>document|spreadsheets|presentation)/(?:u/\d+/)?d/(?P<id>[\w-]{20,})(?:/(?:edit|view|preview)?)?(?:[?#].*)?"
)
_FORMATS = {"document": "export?format=docx", "spreadsheets": "export?format=xlsx", "presentation": "export/pptx"}
_GITHUB = re.compile(r"https://github\.com/(?P<repository>[\w.-]+/[\w.-]+)/blob/(?P<path>[^?#]+)(?:[?#].*)?")
_DROPBOX = re.compile(r"(https://www\.dropbox\.com/(?:s|scl/fi)/[^#]*[?&]dl=)0(?=&|#|$)")


def find_export_link(url: str) -> str:
    """Return the link to the file that a share link shows in an editor or viewer; other links unchanged."""
    if match := _GOOGLE.fullmatch(url):
        return f"https://docs.google.com/{match['kind']}/d/{match['id']}/{_FORMATS[match['kind']]}"
    if match := _GITHUB.fullmatch(url):
        return f"https://raw.githubusercontent.com/{match['repository']}/{match['path']}"
    return _DROPBOX.sub(r"\g<1>1", url)
