"""Format what of a document was not read as sentences, for the command line and logs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pipeline.types import Unread, UnreadKind

_TEXTS: Mapping[UnreadKind, tuple[str, str, str]] = {
    "pages_without_text": ("page", "contains only images and was", "contain only images and were"),
    "pages_over_limit": ("page", "is beyond the limit and was", "are beyond the limit and were"),
    "images": ("image", "was", "were"),
    "attachments": ("attachment", "was", "were"),
    "hidden_sheets": ("hidden sheet", "was", "were"),
    "hidden_slides": ("hidden slide", "was", "were"),
    "rows_over_limit": ("row", "is beyond the limit and was", "are beyond the limit and were"),
    "damaged_parts": ("part", "is damaged and was", "are damaged and were"),
    "unknown_script": ("page", "is in an unsupported script and was", "are in an unsupported script and were"),
}
"""Noun in the singular, predicate for one, predicate for several."""


def parse_unread(stored: Any) -> tuple[Unread, ...]:
    """Parse the stored JSON list; entries of an unknown shape or kind, as of a later version, are left out."""
    known = get_args(UnreadKind)
    fields = ("kind", "count", "total", "where")
    complete = (e for e in stored or () if isinstance(e, Mapping) and all(name in e for name in fields))
    return tuple(Unread(**{name: e[name] for name in fields}) for e in complete if e["kind"] in known)


def format_unread(part: Unread) -> str:
    """Format one part, for example "3 of 4 pages contain only images and were not read (2-4)"."""
    if part.kind == "other":
        return part.where
    noun, one, many = _TEXTS[part.kind]
    total = part.total if part.total is not None else part.count
    number = f"{part.count} of {total}" if total != part.count else str(total)
    where = f" ({part.where})" if part.where else ""
    return f"{number} {noun}{'s' * (total != 1)} {one if part.count == 1 else many} not read{where}"


def format_unread_parts(parts: Iterable[Unread]) -> str:
    """Format all parts as one line; empty if there are none."""
    return "; ".join(map(format_unread, parts))
