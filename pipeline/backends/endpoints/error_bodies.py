"""Error messages in the bodies of model servers: JSON in its common forms, HTML pages, plain text."""

from __future__ import annotations

import html
import json
import re
from typing import Any

MAX_TITLE_CHARS = 100
"""Characters of the title of an HTML page in an error message."""

_PAGE = re.compile(r"\s*(?:<!doctype\s+html|<html|<head|<body)\b", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{1,500})</title", re.IGNORECASE)
# "Please try again in 6.5s", "retry after 1m2.5s", "in 500ms", "in 20 seconds"
_WAIT = re.compile(
    r"\b(?:in|after)\s+(?:(?P<minutes>\d{1,4})\s*m(?:in(?:ute)?s?)?(?![a-z])\s*)?"
    r"(?:(?P<seconds>\d{1,6}(?:\.\d{1,6})?)\s*(?P<unit>ms|milliseconds?|s|secs?|seconds?)\b)?",
    re.IGNORECASE,
)


def read_error_text(body: str) -> str:
    """Return the message of an error response: from its JSON, the title of an HTML page, or else the text."""
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        page = describe_page(body)
        return f"The response is {page}." if page else body
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return describe_error(value) or body


def describe_error(value: Any) -> str:
    """Return the message in a JSON error of a common form, with the parameter that it names; empty if there is none.

    The forms are `{"error": {"message": …, "param": …}}`, `{"error": "…"}`, `{"message": …}` and FastAPI's
    `{"detail": "…"}` and `{"detail": [{"loc": ["body", "temperature"], "msg": …}]}`.
    """
    error = value.get("error") or value if isinstance(value, dict) else value
    if not isinstance(error, dict):
        return error if isinstance(error, str) else ""
    message = error.get("message") or error.get("detail") or error.get("msg") or ""
    if isinstance(message, list):
        message = "; ".join(filter(None, map(_describe_detail, message)))
    if not isinstance(message, str):
        return ""
    named = error.get("param")
    return f"{message} (parameter: {named})" if isinstance(named, str) and named and named not in message else message


def error_code(value: Any) -> int | None:
    """Return the status code that a JSON error contains; None if there is none."""
    error = value.get("error") or value if isinstance(value, dict) else None
    code = error.get("code", error.get("status_code")) if isinstance(error, dict) else None
    return int(code) if isinstance(code, int | str) and str(code).isdigit() and len(str(code)) == 3 else None


def describe_page(body: str) -> str:
    """Describe an HTML page by its title; empty if the text is no HTML page."""
    if not _PAGE.match(body[:500]):
        return ""
    title = _TITLE.search(body[:10_000])
    shown = " ".join(html.unescape(title[1]).split())[:MAX_TITLE_CHARS] if title else ""
    return f"the web page “{shown}”" if shown else "a web page"


def find_wait_s(message: str) -> float | None:
    """Return the seconds that an error message asks to wait, for example "try again in 6.5s"; None if it names none."""
    for match in _WAIT.finditer(message):
        if match["minutes"] or match["seconds"]:
            seconds = float(match["seconds"] or 0)
            if (match["unit"] or "").lower().startswith("m"):
                seconds /= 1000
            return int(match["minutes"] or 0) * 60 + seconds
    return None


def _describe_detail(detail: Any) -> str:
    if not isinstance(detail, dict):
        return str(detail) if isinstance(detail, str) else ""
    location = detail.get("loc")
    names = ".".join(str(part) for part in location if part != "body") if isinstance(location, list) else ""
    return f"{names}: {detail.get('msg', '')}" if names else str(detail.get("msg", ""))
