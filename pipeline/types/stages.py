"""Fallbacks and usage, which every stage of the answer flow reports."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.amounts import ExceededLimit


@dataclass(frozen=True, slots=True)
class Fallback:
    """The simpler method that replaced a failed stage, and the reason."""

    stage: str
    method: str
    used: str
    reason: str
    over: ExceededLimit | None = None
    """The exceeded limit, if the budget was the reason."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Calls to paid models (language models, rerank and embedding endpoints), their tokens and cost."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        """Return the sum of both."""
        return Usage(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cost_usd + other.cost_usd,
        )
