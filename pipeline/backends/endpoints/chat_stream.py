"""Read replies of OpenAI-compatible servers from one JSON document or from a stream of server-sent events."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import httpx

from pipeline.errors import LlmTimeout, LlmUnparsable, LlmUnreachable
from pipeline.types import TokenLogprobs

MAX_REPLY_CHARS = 2_000_000
"""Longest reply that is read."""


@dataclass(slots=True)
class ReplyParts:
    """The contents of a reply, as far as it was read."""

    text: str = ""
    model: str = ""
    finish_reason: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    tokens: list[TokenLogprobs] = field(default_factory=list)


def read_reply(
    response: httpx.Response, *, deadline: float, on_text: Callable[[str], None] | None, subject: str
) -> ReplyParts:
    """Read a reply of status 200, streamed or whole, as the server chose.

    Args:
        response: The response, not read yet.
        deadline: End of the request, in the time of `monotonic`.
        on_text: Called with the text so far after each part.
        subject: Start of error messages.

    Raises:
        LlmTimeout: The deadline has passed.
        LlmUnparsable: The response is not a chat completion or is too long.
        LlmUnreachable: The stream ended before the reply was complete, or contains an error.
    """
    text = _read_within_deadline(response, deadline, subject)
    if "text/event-stream" in response.headers.get("Content-Type", ""):
        return _read_events(_lines(text), on_text, subject)
    parts = ReplyParts()
    _apply_document(parts, _parse("".join(text), subject), "message", subject)
    if on_text is not None and parts.text:
        on_text(parts.text)
    return parts


def _read_events(lines: Iterator[str], on_text: Callable[[str], None] | None, subject: str) -> ReplyParts:
    parts = ReplyParts()
    complete = False
    for line in lines:
        if not line.startswith("data:"):
            continue
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            complete = True
            break
        before = len(parts.text)
        _apply_document(parts, _parse(data, subject), "delta", subject)
        if on_text is not None and len(parts.text) > before:
            on_text(parts.text)
    if not complete and not parts.finish_reason:
        raise LlmUnreachable(f"{subject} closed the connection before its reply was complete.")
    return parts


def _read_within_deadline(response: httpx.Response, deadline: float, subject: str) -> Iterator[str]:
    read = 0
    for part in response.iter_text():
        # The timeout of httpx applies to each read, so a server that sends single bytes would never exceed it.
        if monotonic() > deadline:
            raise LlmTimeout(f"{subject} did not finish its reply in time.")
        read += len(part)
        if read > MAX_REPLY_CHARS:
            raise LlmUnparsable(f"{subject} sent a reply longer than {MAX_REPLY_CHARS:,} characters.")
        yield part


def _lines(text: Iterable[str]) -> Iterator[str]:
    """Join parts of text and yield them line by line."""
    unfinished: list[str] = []
    for part in text:
        head, *following = part.split("\n")
        unfinished.append(head)
        for line in following:
            yield "".join(unfinished)
            unfinished = [line]
    yield "".join(unfinished)


def _parse(text: str, subject: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LlmUnparsable(f"{subject} sent a reply that is not a chat completion: {text}") from error
    if not isinstance(value, dict):
        raise LlmUnparsable(f"{subject} sent a reply that is not a chat completion: {text}")
    if value.get("error"):
        raise LlmUnreachable(f"{subject} reported an error in its reply: {value['error']}")
    return value


def _apply_document(parts: ReplyParts, value: dict[str, Any], field: str, subject: str) -> None:
    """Add one JSON document or event to `parts`."""
    choices = value.get("choices")
    if not isinstance(choices, list) or (field == "message" and not choices):
        raise LlmUnparsable(f"{subject} sent a reply without choices.")
    for choice in choices[:1]:
        message = choice.get(field) if isinstance(choice, dict) else None
        if isinstance(message, dict):
            parts.text += _text(message.get("content"))
            parts.finish_reason = str(choice.get("finish_reason") or parts.finish_reason)
            parts.tokens += _tokens(choice.get("logprobs"))
        elif field == "message":
            raise LlmUnparsable(f"{subject} sent a reply without a message.")
    parts.model = str(value.get("model") or parts.model)
    usage = value.get("usage")
    if isinstance(usage, dict):
        parts.prompt_tokens = _count(usage.get("prompt_tokens"), parts.prompt_tokens)
        parts.completion_tokens = _count(usage.get("completion_tokens"), parts.completion_tokens)


def _text(content: Any) -> str:
    """Return the text of a message's content: a string, a list of parts, or nothing."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return ""


def _tokens(logprobs: Any) -> list[TokenLogprobs]:
    """Read the log-probabilities of a reply's tokens, skipping entries of another form."""
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    entries = content if isinstance(content, list) else []
    return [
        TokenLogprobs(entry["token"], tuple(_alternatives(entry)))
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("token"), str)
    ]


def _alternatives(entry: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield each alternative at one position of the reply once, including the token that was chosen."""
    others = entry.get("top_logprobs")
    seen: set[str] = set()
    for alternative in [entry, *(others if isinstance(others, list) else [])]:
        if not isinstance(alternative, dict):
            continue
        text, value = alternative.get("token"), alternative.get("logprob")
        if isinstance(text, str) and isinstance(value, int | float) and text not in seen and not math.isnan(value):
            seen.add(text)
            yield text, float(value)


def _count(value: Any, default: int | None) -> int | None:
    return value if isinstance(value, int) and value >= 0 else default
