"""Amounts of money: the limits that hold for them, and how sentences say them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

BudgetScope = Literal["question", "user", "server"]
"""What a limit of the budget holds for: one question, or a day of its asker or of its server (workspace)."""


@dataclass(frozen=True, slots=True)
class ExceededLimit:
    """A limit of the budget that something would have passed."""

    scope: BudgetScope
    limit_usd: float
    spent_usd: float
    """For this question so far, or by its asker or server in the last 24 hours."""
    estimated_usd: float
    frees_in_s: float | None = None
    """Seconds until there is room for it; None: waiting does not help."""


def format_usd(usd: float) -> str:
    """Write an amount of US dollars with two to four decimals."""
    if 0 < usd < 0.0001:
        return "less than $0.0001"
    whole, _, decimals = f"{usd:,.4f}".partition(".")
    return f"${whole}.{decimals[:2]}{decimals[2:].rstrip('0')}"


def format_duration(seconds: float) -> str:
    """Say how long, in the largest unit that fits."""
    units = (("day", 86_400), ("hour", 3600), ("minute", 60))
    unit, length = next(((unit, length) for unit, length in units if seconds >= length), ("second", 1))
    number = max(1, round(seconds / length))
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
