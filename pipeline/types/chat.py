"""Messages to a chat model and its replies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.types.stages import Usage


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message to a chat model."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class TokenLogprobs:
    """One token of a reply, with the log-probabilities of the likeliest tokens at its place."""

    text: str
    alternatives: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class ChatReply:
    """What a chat model answered."""

    text: str
    model: str
    usage: Usage
    finish_reason: str = ""
    tokens: tuple[TokenLogprobs, ...] = ()
    """Only where they were asked for and the server gives them; together they spell the text."""
