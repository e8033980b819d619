"""Bring the bodies of chat completions into the form that the `openai` package reads: one server-sent event per chunk.

Servers and proxies often declare another content type than they send, ignore `stream`, or send one JSON document per
line, so the beginning of the body decides. Events that are no JSON (pings, comments) are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from pipeline.backends.endpoints.error_bodies import describe_page
from pipeline.errors import LlmUnparsable
from pipeline.types import INCOMPLETE

Event = tuple[str, str]
"""Name and data of a server-sent event."""

DONE = b"data: [DONE]\n\n"


def normalize_events(parts: Iterable[bytes], charset: str | None, subject: str) -> Iterator[bytes]:
    """Yield the events of a reply of status 200, streamed or whole, as the server chose.

    The last event is `[DONE]`, or a chunk whose `object` is `INCOMPLETE` if the server did not mark the end.

    Args:
        parts: The body.
        charset: The declared charset.
        subject: Start of error messages.

    Raises:
        LlmUnparsable: The response is not a chat completion.
    """
    lines = _lines(parts, charset)
    first = next((line for line in lines if line.strip()), "").lstrip("\ufeff \t")
    is_document = _parse(first) is not None
    if first.startswith(("{", "[", "<")) and not is_document:
        yield _format_event("\n".join([first, *lines]), "", subject) + DONE
        return
    events = 0
    for name, data in _split_events(first, lines):
        if data == "[DONE]":
            yield DONE
            return
        events += 1
        yield _format_event(data, name, subject)
    if not events and "data:" not in first:
        raise LlmUnparsable(_format_no_completion(subject, first))
    yield DONE if is_document and events == 1 else _format_event(json.dumps({"object": INCOMPLETE}), "", subject)


def _split_events(first: str, lines: Iterable[str]) -> Iterator[Event]:
    """Yield the events with JSON or `[DONE]`: lines of data, or lines without a field name.

    An event ends with an empty line and may have several lines of data. Some servers omit the empty lines, so a line
    with a complete JSON document is an event.
    """
    name, unfinished = "", list[str]()
    for line in chain([first], lines, [""]):
        field, _, value = ("data", "", line) if line.startswith(("{", "[")) else line.partition(":")
        value = value.strip()
        if field == "event":
            name = value
        elif field == "data" and (value == "[DONE]" or _parse(value) is not None):
            yield name, value
        elif field == "data":
            unfinished.append(value)
        elif not line.strip():
            if (data := "\n".join(unfinished).strip()).startswith(("{", "[")):
                yield name, data
            name, unfinished = "", []


def _lines(parts: Iterable[bytes], charset: str | None) -> Iterator[str]:
    """Join parts of a body and yield its lines, without line ends."""
    unfinished: list[bytes] = []
    for part in parts:
        head, *following = part.split(b"\n")
        unfinished.append(head)
        for line in following:
            yield _decode(b"".join(unfinished), charset)
            unfinished = [line]
    yield _decode(b"".join(unfinished), charset)


def _decode(line: bytes, charset: str | None) -> str:
    """Decode one line: JSON is UTF-8, but some servers send their system's encoding instead."""
    for encoding in ("utf-8", charset or "utf-8"):
        try:
            return line.decode(encoding).removesuffix("\r")
        except (UnicodeDecodeError, LookupError):
            continue
    return line.decode("cp1252", "replace").removesuffix("\r")


def _parse(text: str) -> dict[str, Any] | None:
    """Return the JSON object in a text, also in a list of one, as Google's endpoint sends errors."""
    try:
        value: Any = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, dict) else None


def _format_event(text: str, event: str, subject: str) -> bytes:
    """Format one JSON document as an event; an error in any known form becomes `{"error": …}`."""
    value = _parse(text)
    if value is None:
        raise LlmUnparsable(_format_no_completion(subject, text))
    if value.get("object") == "error" or "error" in {event, value.get("type")}:
        value = {"error": value.get("error") or value}
    return f"data: {json.dumps(value)}\n\n".encode()


def _format_no_completion(subject: str, text: str) -> str:
    if page := describe_page(text):
        return f"{subject} sent {page} instead of a chat completion; check REFDESK_LLM_BASE_URL."
    return f"{subject} sent a reply that is not a chat completion: {text}"
