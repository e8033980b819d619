"""The contents of a chat completion, collected from the chunks of its stream."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pipeline.errors import LlmUnparsable, LlmUnreachable
from pipeline.types import INCOMPLETE, TokenLogprobs

_REASONING_FIELDS = ("reasoning_content", "reasoning", "thinking")
_TEXT_PARTS = frozenset({None, "text", "output_text"})
"""Types of content parts whose text belongs to the answer; others are reasoning, refusals, images."""


@dataclass(slots=True)
class ReplyParts:
    """The contents of a reply, as far as it was read."""

    text: str = ""
    reasoning: str = ""
    """What the server sent separately as the model's reasoning."""
    refusal: str = ""
    model: str = ""
    finish_reason: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    tokens: list[TokenLogprobs] = field(default_factory=list)


def read_chunks(chunks: Iterable[dict[str, Any]], on_text: Callable[[str], None] | None, subject: str) -> ReplyParts:
    """Collect a reply from its chunks, as `normalize_events` forms them.

    A stream that ends without `finish_reason` and without `[DONE]` is used if it contains text, because the call is
    paid for; its finish reason is `INCOMPLETE`.

    Args:
        chunks: The chunks, of which one may contain a whole message.
        on_text: Called with the text so far after each chunk with text.
        subject: Start of error messages.

    Raises:
        LlmUnparsable: No chunk has choices.
        LlmUnreachable: The stream ended without text.
    """
    parts, has_choices, is_cut = ReplyParts(), False, False
    for chunk in chunks:
        is_cut = chunk.get("object") == INCOMPLETE and not parts.finish_reason
        before = parts.text
        has_choices |= add_document(parts, chunk)
        if on_text is not None and parts.text != before:
            on_text(parts.text)
    if is_cut and not parts.text:
        raise LlmUnreachable(f"{subject} closed the connection before its reply was complete.")
    if not has_choices and not parts.text:
        raise LlmUnparsable(f"{subject} sent a reply without choices.")
    if is_cut:
        parts.finish_reason = INCOMPLETE
    return parts


def add_document(parts: ReplyParts, value: dict[str, Any]) -> bool:
    """Add one JSON document or event of a stream; return False if it contains no choice."""
    parts.model = str(value.get("model") or parts.model)
    usage = value.get("usage")
    if isinstance(usage, dict):
        parts.prompt_tokens = _count(usage.get("prompt_tokens"), parts.prompt_tokens)
        parts.completion_tokens = _count(usage.get("completion_tokens"), parts.completion_tokens)
    choices = value.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, dict):
        return False
    delta, message = choice.get("delta"), choice.get("message")
    if isinstance(delta, dict):
        _add_delta(parts, delta)
    if isinstance(message, dict):
        _add_message(parts, message)
    if isinstance(choice.get("text"), str):
        parts.text += choice["text"]
    parts.finish_reason = str(choice.get("finish_reason") or parts.finish_reason)
    parts.tokens += _tokens(choice.get("logprobs"))
    return any(isinstance(choice.get(name), dict | str) for name in ("delta", "message", "text"))


def _add_delta(parts: ReplyParts, delta: dict[str, Any]) -> None:
    parts.text += _text(delta.get("content"))
    parts.reasoning += _reasoning(delta)
    parts.refusal += str(delta.get("refusal") or "")
    if delta.get("tool_calls") or delta.get("function_call"):
        parts.finish_reason = parts.finish_reason or "tool_calls"


def _add_message(parts: ReplyParts, message: dict[str, Any]) -> None:
    """Add a whole message. In a stream it may repeat the text so far, or be sent in place of a delta."""
    whole = ReplyParts()
    _add_delta(whole, message)
    repeats = whole.text.startswith(parts.text)
    parts.text = whole.text if repeats and whole.text else parts.text + whole.text
    parts.reasoning = whole.reasoning if whole.reasoning.startswith(parts.reasoning) else parts.reasoning
    parts.refusal = whole.refusal or parts.refusal
    parts.finish_reason = parts.finish_reason or whole.finish_reason


def _text(content: Any) -> str:
    """Return the text of a message's content: a string, a list of parts, or nothing."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = (part for part in content if isinstance(part, dict) and part.get("type") in _TEXT_PARTS)
        return "".join(str(part.get("text") or "") for part in parts)
    return ""


def _reasoning(message: dict[str, Any]) -> str:
    return next((message[name] for name in _REASONING_FIELDS if isinstance(message.get(name), str)), "")


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
