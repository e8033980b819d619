"""The cost of a method: its calls to language models and to rerank and embedding endpoints."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.types import Usage

USD_DECIMALS = 10
"""Decimals of costs in JSON, as in the database: a text of 10 tokens costs 0.0000002 dollars at some endpoints."""


def sum_usage(usages: Iterable[Usage]) -> Usage:
    """Return the sum of usages."""
    return sum(usages, Usage())


def total_tokens(usage: Usage) -> int:
    """Return the number of prompt and completion tokens."""
    return usage.prompt_tokens + usage.completion_tokens


def usd_per_thousand_questions(usage: Usage, questions: int) -> float:
    """Return the cost of a thousand questions in US dollars, given the usage of `questions` questions."""
    return usage.cost_usd / questions * 1000 if questions else 0.0
