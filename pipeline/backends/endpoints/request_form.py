"""The form of chat requests that an endpoint accepts, learned from its rejections.

OpenAI-compatible servers agree on the main parameters only. A rejection that names an optional parameter, the system
role or the token limit leads to a changed form, which later requests use as well once it has succeeded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

REQUIRED_PARAMETERS = frozenset({"model", "messages", "max_tokens", "max_completion_tokens"})
"""Parameters that are never left out. `max_completion_tokens` replaces a rejected `max_tokens`."""
LIKELY_UNSUPPORTED = ("response_format", "logprobs", "reasoning_effort", "stream_options", "temperature")
"""Parameters to leave out if a rejection names none, starting with the one that the fewest servers support."""
MIN_REPLY_TOKENS = 128
"""Smallest token limit that is sent after the endpoint has rejected a larger one."""

_SYSTEM_ROLE = re.compile(r"\broles?\b|\b(?:system|developer) (?:message|prompt|instruction|role)", re.IGNORECASE)
_TOO_MANY = re.compile(
    r"too (?:large|long|many|big|high)|exceed|at most|less than|<=|greater than|larger than|maximum"
    r"|context (?:length|size|window)",
    re.IGNORECASE,
)
_PROMPT_TOO_LONG = re.compile(
    r"context (?:length|size|window)|maximum context|too many (?:input |prompt )?tokens"
    r"|\b(?:prompt|inputs?|messages?|request)`?\b[^.]{0,40}\b(?:too (?:long|large)|exceeds?)|reduce the length"
    r"|`?inputs?`? tokens",
    re.IGNORECASE,
)
_TOKEN_LIMIT = re.compile(r"max_(?:completion_|new_|output_)?tokens|max_total_tokens", re.IGNORECASE)
# As in "(800 > 2048 - 1700)", and as in "at most 512" or "less than or equal to 4096".
_DIFFERENCE = re.compile(r"\b(\d{1,7}) - (\d{1,7})\b")
_UPPER_LIMIT = re.compile(r"(?:at most|up to|<=|less than or equal to|maximum(?: value)?(?: of| is)?)\s+`?(\d{2,7})\b")


@dataclass(frozen=True, slots=True)
class RequestForm:
    """What to change in the requests to one endpoint."""

    left_out: frozenset[str] = frozenset()
    """Parameters that the endpoint rejects."""
    limit_name: str = "max_tokens"
    """Name of the parameter with the token limit."""
    max_tokens: int | None = None
    """Largest token limit that the endpoint accepts; None if no limit is known."""
    has_system_role: bool = True

    def apply(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Return a payload in this form; `payload` has every parameter, a system message and `max_tokens`."""
        sent = {name: value for name, value in payload.items() if name not in self.left_out}
        if "logprobs" in self.left_out:
            sent.pop("top_logprobs", None)
        if "stream" in self.left_out:
            sent.pop("stream_options", None)
        limit = sent.pop("max_tokens")
        sent[self.limit_name] = limit if self.max_tokens is None else min(limit, self.max_tokens)
        if not self.has_system_role:
            sent["messages"] = _without_system_role(sent["messages"])
        return sent

    def token_limit(self, sent: dict[str, Any]) -> int:
        """Return the token limit of a payload in this form."""
        return int(sent[self.limit_name])

    def adapt(self, message: str, sent: dict[str, Any]) -> RequestForm | None:
        """Return the form to try next after a rejected request; None if no change can help.

        Args:
            message: The error message of the server.
            sent: The rejected payload.
        """
        if (changed := self._adapt_token_limit(message, sent)) is not None:
            return changed
        if is_prompt_too_long(message):
            return None
        named = [name for name in sent if name not in REQUIRED_PARAMETERS and _names(message, name)]
        if "top_logprobs" in named:
            named = ["logprobs"]
        if not named and self.has_system_role and _has_system(sent) and _SYSTEM_ROLE.search(message):
            return replace(self, has_system_role=False)
        left_out = next((name for name in (*named, *LIKELY_UNSUPPORTED) if name in sent), None)
        return None if left_out is None else replace(self, left_out=self.left_out | {left_out})

    def _adapt_token_limit(self, message: str, sent: dict[str, Any]) -> RequestForm | None:
        limit = self.token_limit(sent)
        is_too_large = bool(_TOO_MANY.search(message)) and limit > MIN_REPLY_TOKENS
        if is_too_large and (_TOKEN_LIMIT.search(message) or is_prompt_too_long(message)):
            return replace(self, max_tokens=_smaller_limit(message, limit))
        if self.limit_name == "max_tokens" and _names(message, "max_tokens") and not is_too_large:
            return replace(self, limit_name="max_completion_tokens")
        return None


def is_prompt_too_long(message: str) -> bool:
    """Return whether a rejection says that the prompt, or prompt and reply together, exceed the model's context."""
    return bool(_PROMPT_TOO_LONG.search(message))


def _smaller_limit(message: str, limit: int) -> int:
    """Return the limit that the message allows, or else half of the rejected one."""
    allowed = [int(match[1]) - int(match[2]) for match in _DIFFERENCE.finditer(message)]
    if not is_prompt_too_long(message):
        allowed += [int(match[1]) for match in _UPPER_LIMIT.finditer(message)]
    fitting = [tokens for tokens in allowed if MIN_REPLY_TOKENS <= tokens < limit]
    return min(fitting) if fitting else max(MIN_REPLY_TOKENS, limit // 2)


def _names(message: str, parameter: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(parameter)}(?![\w-])", message, re.IGNORECASE) is not None


def _has_system(sent: dict[str, Any]) -> bool:
    return any(message["role"] == "system" for message in sent["messages"])


def _without_system_role(messages: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Move the system message into the first message of the user."""
    system = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
    others = [dict(message) for message in messages if message["role"] != "system"]
    first = next((message for message in others if message["role"] == "user"), None)
    if first is None:
        return [{"role": "user", "content": system}, *others]
    first["content"] = f"{system}\n\n{first['content']}"
    return others
