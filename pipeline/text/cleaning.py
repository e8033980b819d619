"""Clean untrusted texts: remove what the database cannot store, and what is invisible."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, SupportsFloat

_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
# Control characters, lone surrogates, and the invisible marks (soft hyphen, zero width space, byte order mark) that
# keep a keyword from matching. Zero width joiners stay: Persian and Indic spelling requires them.
_UNREADABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b\ufeff\ud800-\udfff]")


def clean_text(text: str) -> str:
    """Remove what no reader sees: control characters, lone surrogates and invisible marks; unify line ends.

    Cleaning twice changes nothing, so every boundary may apply it.
    """
    if text.replace("\n", "").isprintable():  # nothing to clean, as in most texts; much faster than the expressions
        return text
    return _UNREADABLE.sub("", unify_line_ends(text))


def clean_line(text: str, max_chars: int) -> str:
    """Clean a text and put it on one line of at most `max_chars` characters, with an ellipsis where it is cut."""
    line = " ".join(clean_text(text).split())
    return line if len(line) <= max_chars else line[: max_chars - 1].rstrip() + "…"


def unify_line_ends(text: str) -> str:
    """Replace every line end that Unicode defines with a newline."""
    return _LINE_ENDS.sub("\n", text)


def remove_unstorable(text: str) -> str:
    """Remove what PostgreSQL cannot store: NUL characters and lone surrogates."""
    return text.replace("\x00", "").encode("utf-8", "ignore").decode("utf-8")


def remove_unstorable_json(value: Any) -> Any:
    """Apply `remove_unstorable` to all texts and keys of a JSON value; tuples become lists."""
    if isinstance(value, str):
        return remove_unstorable(value)
    if isinstance(value, Mapping):
        return {remove_unstorable_json(key): remove_unstorable_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [remove_unstorable_json(item) for item in value]
    return value


def dump_storable(value: Any) -> str:
    """Return a value as JSON text without what PostgreSQL cannot store in a text; numbers of numpy become numbers."""
    text = json.dumps(value, default=_to_json)
    # JSON escapes what cannot be stored. Looking for the escapes is faster than looking at every value.
    if "\\u0000" in text or "\\ud" in text:
        return json.dumps(remove_unstorable_json(value), default=_to_json)
    return text


def _to_json(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, SupportsFloat):
        return float(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON.")


def escape_undecodable(name: str) -> str:
    r"""Replace the undecodable bytes of a file name or argument with escapes such as `\udce9`; drop NUL characters.

    Unlike `remove_unstorable` it keeps two names apart that differ only in such bytes.
    """
    return name.encode("utf-8", "backslashreplace").decode("utf-8").replace("\x00", "")
