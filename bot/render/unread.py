"""Render what of a document was not read."""

from __future__ import annotations

from collections.abc import Iterable

from bot.locales.texts import Texts
from bot.render import sanitize
from pipeline.types import Unread

MAX_WHERE_CHARACTERS = 150
MAX_PARTS = 4


def format_unread(parts: Iterable[Unread], t: Texts) -> str:
    """Format what was not read as one line, for example "3 of 4 pages are images without text"; empty if all was."""
    listed = list(parts)
    words = [_format_part(part, t) for part in listed[:MAX_PARTS]]
    if len(listed) > MAX_PARTS:
        words.append(t("more", n=len(listed) - MAX_PARTS))
    return t("unread", parts=" · ".join(words)) if words else ""


def _format_part(part: Unread, t: Texts) -> str:
    # File and sheet names come from the document.
    where = sanitize.escape_title(part.where, MAX_WHERE_CHARACTERS)
    if part.kind == "other":
        return where
    number = t("share", n=str(part.count), total=str(part.total)) if part.total else str(part.count)
    words = t(f"unread-{part.kind.replace('_', '-')}", n=part.total or part.count, number=number)
    return f"{words} ({where})" if where else words
