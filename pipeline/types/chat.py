"""Messages to a chat model and its replies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.types.stages import Usage


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
    tokens: tuple[TokenLogprobs, ...] = ()
    """Only if requested and supported by the server; joined, they are the text."""
