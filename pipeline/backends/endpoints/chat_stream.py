"""Replies of OpenAI-compatible servers: read from one JSON document or from a stream of events."""

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
"""A server that never stops talking is cut off here."""


@dataclass(slots=True)
class ReplyParts:
    """What a reply says."""

    text: str = ""
    model: str = ""
    finish_reason: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    tokens: list[TokenLogprobs] = field(default_factory=list)


def read_reply(
    response: httpx.Response, *, ends: float, on_text: Callable[[str], None] | None, where: str
) -> ReplyParts:
    """Read a reply of status 200, streamed or whole, as the server chose; raises when it is none or takes too long."""
    text = _read_within_deadline(response, ends, where)
    if "text/event-stream" in response.headers.get("Content-Type", ""):
        return _read_events(_lines(text), on_text, where)
    parts = ReplyParts()
    _apply_document(parts, _parse("".join(text), where), "message", where)
    if on_text is not None and parts.text:
        on_text(parts.text)
    return parts


def _read_events(lines: Iterator[str], on_text: Callable[[str], None] | None, where: str) -> ReplyParts:
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
        _apply_document(parts, _parse(data, where), "delta", where)
        if on_text is not None and len(parts.text) > before:
            on_text(parts.text)
    if not complete and not parts.finish_reason:
        raise LlmUnreachable(f"The language model at {where} broke off in the middle of its answer.")
    return parts


def _read_within_deadline(response: httpx.Response, ends: float, where: str) -> Iterator[str]:
    read = 0
    for part in response.iter_text():
        # httpx times each read by itself: a server that sends a byte now and then would never run out of time.
        if monotonic() > ends:
            raise LlmTimeout(f"The language model at {where} did not finish its answer in time.")
        read += len(part)
        if read > MAX_REPLY_CHARS:
            raise LlmUnparsable(f"The language model at {where} sent an endless answer.")
        yield part


def _lines(text: Iterable[str]) -> Iterator[str]:
    """Put text that comes in parts together to lines."""
    unfinished: list[str] = []
    for part in text:
        head, *following = part.split("\n")
        unfinished.append(head)
        for line in following:
            yield "".join(unfinished)
            unfinished = [line]
    yield "".join(unfinished)


def _parse(text: str, where: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LlmUnparsable(f"The server at {where} sent something that is no chat completion: {text}") from error
    if not isinstance(value, dict):
        raise LlmUnparsable(f"The server at {where} sent something that is no chat completion: {text}")
    if value.get("error"):
        raise LlmUnreachable(f"The language model at {where} broke off with an error: {value['error']}")
    return value


def _apply_document(parts: ReplyParts, value: dict[str, Any], field: str, where: str) -> None:
    """Add one document or event to what was read so far."""
    choices = value.get("choices")
    if not isinstance(choices, list) or (field == "message" and not choices):
        raise LlmUnparsable(f"The server at {where} sent a reply without choices.")
    for choice in choices[:1]:
        said = choice.get(field) if isinstance(choice, dict) else None
        if isinstance(said, dict):
            parts.text += _text(said.get("content"))
            parts.finish_reason = str(choice.get("finish_reason") or parts.finish_reason)
            parts.tokens += _tokens(choice.get("logprobs"))
        elif field == "message":
            raise LlmUnparsable(f"The server at {where} sent a reply without a message.")
    parts.model = str(value.get("model") or parts.model)
    usage = value.get("usage")
    if isinstance(usage, dict):
        parts.prompt_tokens = _count(usage.get("prompt_tokens"), parts.prompt_tokens)
        parts.completion_tokens = _count(usage.get("completion_tokens"), parts.completion_tokens)


def _text(content: Any) -> str:
    """Read a message's content, which may be a string, a list of parts, or nothing."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return ""


def _tokens(logprobs: Any) -> list[TokenLogprobs]:
    """Read the log-probabilities of a reply's tokens; what has another form is left out."""
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    entries = content if isinstance(content, list) else []
    return [
        TokenLogprobs(entry["token"], tuple(_alternatives(entry)))
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("token"), str)
    ]


def _alternatives(place: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Give each token that could stand at a place once, the one that does stand there among them."""
    others = place.get("top_logprobs")
    seen: set[str] = set()
    for entry in [place, *(others if isinstance(others, list) else [])]:
        text, value = (entry.get("token"), entry.get("logprob")) if isinstance(entry, dict) else (None, None)
        if isinstance(text, str) and isinstance(value, int | float) and text not in seen and not math.isnan(value):
            seen.add(text)
            yield text, float(value)


def _count(value: Any, otherwise: int | None) -> int | None:
    return value if isinstance(value, int) and value >= 0 else otherwise
