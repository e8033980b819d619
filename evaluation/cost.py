"""What the language model calls of a method cost."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.types import Usage


def sum_usage(usages: Iterable[Usage]) -> Usage:
    """Add up usages."""
    return sum(usages, Usage())


def total_tokens(usage: Usage) -> int:
    """Count the tokens sent and received together."""
    return usage.prompt_tokens + usage.completion_tokens


def usd_per_thousand_questions(usage: Usage, questions: int) -> float:
    """Say what a thousand questions cost at this rate."""
    return usage.cost_usd / questions * 1000 if questions else 0.0
