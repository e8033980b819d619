"""Read the bodies of chat completions: one JSON document, server-sent events, or one JSON document per line.

Servers and proxies often declare another content type than they send, so the beginning of the body decides. Events
without choices (usage, pings, content filter results) are read for their usage and skipped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from time import monotonic
from typing import Any

import httpx

from pipeline.backends.endpoints.chat_parts import ReplyParts, add_document
from pipeline.backends.endpoints.error_bodies import describe_error, describe_page, error_code
from pipeline.backends.endpoints.retries import RetryableError, is_retryable
from pipeline.errors import LlmTimeout, LlmUnparsable, LlmUnreachable
from pipeline.types import INCOMPLETE

MAX_REPLY_BYTES = 4_000_000
"""Largest reply that is read."""

Event = tuple[str, str]
"""Name and data of a server-sent event."""


def read_reply(
    response: httpx.Response, *, deadline: float, on_text: Callable[[str], None] | None, subject: str
) -> ReplyParts:
    """Read a reply of status 200, streamed or whole, as the server chose.

    A stream that ends without `finish_reason` and without `[DONE]` is used if it contains text, because the call is
    paid for; its finish reason is `INCOMPLETE`.

    Args:
        response: The response, not read yet.
        deadline: End of the request, in the time of `monotonic`.
        on_text: Called with the text so far after each part.
        subject: Start of error messages.

    Raises:
        LlmTimeout: The deadline has passed.
        LlmUnparsable: The response is not a chat completion or is too long.
        LlmUnreachable: The stream ended without text, or the response reports an error.
        RetryableError: The response reports an error that may pass.
    """
    lines = _lines(_read_within_deadline(response, deadline, subject), response.charset_encoding)
    first = next((line for line in lines if line.strip()), "").lstrip("\ufeff")
    if first.lstrip().startswith(("{", "[", "<")):
        return _read_documents(first, lines, on_text, subject)
    return _Reader(on_text, subject).read_events(first, _split_events(first, lines))


class _Reader:
    """The reply so far, and whom to report it to."""

    def __init__(self, on_text: Callable[[str], None] | None, subject: str) -> None:
        self.parts = ReplyParts()
        self._on_text = on_text
        self._subject = subject
        self._has_choices = False

    def add(self, text: str, event: str = "") -> None:
        """Add one JSON document or event."""
        value = _parse(text, self._subject)
        _raise_reported_error(value, event, self._subject)
        before = self.parts.text
        self._has_choices |= add_document(self.parts, value)
        if self._on_text is not None and self.parts.text != before:
            self._on_text(self.parts.text)

    def read_events(self, first: str, events: Iterable[Event]) -> ReplyParts:
        """Read a stream of server-sent events; `first` is its first line."""
        is_stream = False
        for name, data in events:
            is_stream = True
            if data == "[DONE]":
                return self.end(complete=True)
            if data.startswith(("{", "[")):
                self.add(data, name)
        if not is_stream:
            raise LlmUnparsable(_format_no_completion(self._subject, first))
        return self.end(complete=False)

    def end(self, *, complete: bool) -> ReplyParts:
        """Return the reply; `complete` if the server marked its end."""
        is_cut = not complete and not self.parts.finish_reason
        if is_cut and not self.parts.text:
            raise LlmUnreachable(f"{self._subject} closed the connection before its reply was complete.")
        if not self._has_choices and not self.parts.text:
            raise LlmUnparsable(f"{self._subject} sent a reply without choices.")
        if is_cut:
            self.parts.finish_reason = INCOMPLETE
        return self.parts


def _read_documents(
    first: str, lines: Iterable[str], on_text: Callable[[str], None] | None, subject: str
) -> ReplyParts:
    """Read one JSON document, or one per line if the first line is a complete document."""
    reader = _Reader(on_text, subject)
    if not _is_document(first):
        reader.add("\n".join([first, *lines]))
        return reader.end(complete=True)
    reader.add(first)
    streamed = False
    for line in lines:
        if line.strip():
            streamed = True
            reader.add(line)
    return reader.end(complete=not streamed)


def _is_document(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


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
    if len(lines) > 1 and any(line == "[DONE]" or _is_document(line) for line in lines):
        yield from ((name, line) for line in lines)
    elif lines:
        yield name, "\n".join(lines)


def _read_within_deadline(response: httpx.Response, deadline: float, subject: str) -> Iterator[bytes]:
    read = 0
    for part in response.iter_bytes():
        # The timeout of httpx applies to each read, so a server that sends single bytes would never exceed it.
        if monotonic() > deadline:
            raise LlmTimeout(f"{subject} did not finish its reply in time.")
        read += len(part)
        if read > MAX_REPLY_BYTES:
            raise LlmUnparsable(f"{subject} sent a reply larger than {MAX_REPLY_BYTES:,} bytes.")
        yield part


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


def _parse(text: str, subject: str) -> dict[str, Any]:
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]  # Google's endpoint wraps errors in a list
    if not isinstance(value, dict):
        raise LlmUnparsable(_format_no_completion(subject, text))
    return value


def _format_no_completion(subject: str, text: str) -> str:
    if page := describe_page(text):
        return f"{subject} sent {page} instead of a chat completion; check REFDESK_LLM_BASE_URL."
    return f"{subject} sent a reply that is not a chat completion: {text}"


def _raise_reported_error(value: dict[str, Any], event: str, subject: str) -> None:
    """Raise the error that a server reports with status 200."""
    if not (value.get("error") or value.get("object") == "error" or "error" in {event, value.get("type")}):
        return
    code = error_code(value)
    final = LlmUnreachable(f"{subject} reported an error in its reply: {describe_error(value)}")
    if is_retryable(code):
        raise RetryableError(final)
    raise final
