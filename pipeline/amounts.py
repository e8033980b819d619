"""Amounts as sentences say them: dollars and times."""

from __future__ import annotations


def dollars(usd: float) -> str:
    """Write an amount of US dollars with two to four decimals."""
    if 0 < usd < 0.0001:
        return "less than $0.0001"
    whole, _, decimals = f"{usd:,.4f}".partition(".")
    return f"${whole}.{decimals[:2]}{decimals[2:].rstrip('0')}"


def duration(seconds: float) -> str:
    """Say how long, in the largest unit that fits."""
    units = (("day", 86_400), ("hour", 3600), ("minute", 60))
    unit, length = next(((unit, length) for unit, length in units if seconds >= length), ("second", 1))
    number = max(1, round(seconds / length))
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
