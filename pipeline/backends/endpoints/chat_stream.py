"""Bring the bodies of chat completions into the form that the `openai` package reads: one server-sent event per chunk.

Servers and proxies often declare another content type than they send, ignore `stream`, or send one JSON document per
line, so the beginning of the body decides. Events that are no JSON (pings, comments) are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from pipeline.backends.endpoints.error_bodies import describe_page
from pipeline.errors import LlmUnparsable
from pipeline.types import INCOMPLETE

Event = tuple[str, str]
"""Name and data of a server-sent event."""

DONE = "[DONE]"


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
    first = next((line for line in lines if line.strip()), "").lstrip("\ufeff")
    is_document = first.lstrip().startswith(("{", "[", "<"))
    is_stream = False
    for name, data in _split_documents(first, lines) if is_document else _split_events(first, lines):
        is_stream = True
        if data == DONE:
            yield b"data: [DONE]\n\n"
            return
        if data.lstrip().startswith(("{", "[", "<")):
            yield _format_event(data, name, subject)
    if not is_stream:
        raise LlmUnparsable(_format_no_completion(subject, first))
    yield _format_event(json.dumps({"object": INCOMPLETE}), "", subject)


def _split_documents(first: str, lines: Iterable[str]) -> Iterator[Event]:
    """Yield one JSON document, or one per line if the first line is a complete document."""
    if not _is_document(first):
        yield "", "\n".join([first, *lines])
        yield "", DONE
        return
    yield "", first
    is_whole = True
    for line in filter(str.strip, lines):
        is_whole = False
        yield "", line
    if is_whole:
        yield "", DONE


def _split_events(first: str, lines: Iterable[str]) -> Iterator[Event]:
    """Yield the events with data.

    An event ends with an empty line and may have several lines of data. Some servers omit the empty lines; then each
    line with a complete JSON document is an event.
    """
    name, data = "", list[str]()
    for line in [first], lines, [""]:
        for text in line:
            field, _, value = text.partition(":")
            if not text.strip():
                yield from _join_data(name, data)
                name, data = "", []
            elif field == "data":
                data.append(value.strip())
            elif field == "event":
                name = value.strip()


def _join_data(name: str, data: list[str]) -> Iterator[Event]:
    lines = [line for line in data if line]
    if len(lines) > 1 and any(line == DONE or _is_document(line) for line in lines):
        yield from ((name, line) for line in lines)
    elif lines:
        yield name, "\n".join(lines)


def _is_document(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


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
    for encoding in ("utf-8", charset or "utf-8", "cp1252"):
        try:
            return line.decode(encoding).removesuffix("\r")
        except (UnicodeDecodeError, LookupError):
            continue
    return line.decode("latin-1").removesuffix("\r")


def _format_event(text: str, event: str, subject: str) -> bytes:
    """Format one JSON document as an event; an error in any known form becomes `{"error": …}`."""
    try:
        value: Any = json.loads(text, strict=False)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]  # Google's endpoint wraps errors in a list
        if not isinstance(value, dict):
            raise LlmUnparsable(_format_no_completion(subject, text))
        if value.get("object") == "error" or "error" in {event, value.get("type")}:
            value = {"error": value.get("error") or value}
        return b"data: " + json.dumps(value).encode() + b"\n\n"
    except (ValueError, RecursionError):
        raise LlmUnparsable(_format_no_completion(subject, text)) from None


def _format_no_completion(subject: str, text: str) -> str:
    if page := describe_page(text):
        return f"{subject} sent {page} instead of a chat completion; check REFDESK_LLM_BASE_URL."
    return f"{subject} sent a reply that is not a chat completion: {text}"
