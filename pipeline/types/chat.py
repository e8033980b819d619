"""Messages to a chat model and its replies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.types.stages import Usage

INCOMPLETE = "incomplete"
"""Finish reason of a reply whose connection ended before the server marked its end."""


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """A message to a chat model."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class TokenLogprobs:
    """A token of a reply, with the log-probabilities of the most likely tokens at its position."""

    text: str
    alternatives: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class ChatReply:
    """The reply of a chat model."""

    text: str
    model: str
    usage: Usage
    finish_reason: str = ""
    """Why the reply ended, as the server states it; `INCOMPLETE` if its connection ended first."""
    reasoning: str = ""
    """The model's reasoning, if the server sends it separately from the text."""
    refusal: str = ""
    """The model's refusal, if the server sends one in place of a text."""
    max_tokens: int = 0
    """Maximum tokens of the reply as sent to the endpoint, which may accept fewer than requested; 0 if unknown."""
    tokens: tuple[TokenLogprobs, ...] = ()
    """Only if requested and supported by the server; joined, they are the text."""
