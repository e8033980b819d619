"""What every stage of an answer reports: fallbacks and usage."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.amounts import ExceededLimit


@dataclass(frozen=True, slots=True)
class Fallback:
    """A stage that could not do its work, what took its place, and why."""

    stage: str
    method: str
    used: str
    reason: str
    over: ExceededLimit | None = None
    """Where it was the budget that stood in the way."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What calls to a language model cost."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        """Add up two usages."""
        return Usage(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cost_usd + other.cost_usd,
        )
