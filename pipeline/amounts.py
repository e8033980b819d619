"""Amounts of money: exceeded spending limits, and the formatting of amounts and durations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

BudgetScope = Literal["question", "user", "server"]
"""What a limit applies to: one question, or 24 hours of a user or of a server (workspace)."""


@dataclass(frozen=True, slots=True)
class ExceededLimit:
    """A spending limit that an estimated cost would exceed."""

    scope: BudgetScope
    limit_usd: float
    spent_usd: float
    """Spent on this question so far, or by its user or server in the last 24 hours."""
    estimated_usd: float
    frees_in_s: float | None = None
    """Seconds until the estimated cost fits the limit; None: waiting does not help."""


def format_usd(usd: float) -> str:
    """Format an amount of US dollars with two to four decimals."""
    if 0 < usd < 0.0001:
        return "less than $0.0001"
    whole, _, decimals = f"{usd:,.4f}".partition(".")
    return f"${whole}.{decimals[:2]}{decimals[2:].rstrip('0')}"


def format_duration(seconds: float) -> str:
    """Format a duration in its largest unit, for example `2 hours`."""
    units = (("day", 86_400), ("hour", 3600), ("minute", 60))
    unit, length = next(((unit, length) for unit, length in units if seconds >= length), ("second", 1))
    number = max(1, round(seconds / length))
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
