"""Facts and the values by which they are compared."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

Values = frozenset[str]
"""Values in one notation: `1200`, `18:00`, `2024-03-05`, `--03-05`. A prefix names the meaning: `day:5` is the day of
a date, `bare:5` is a number without a unit, `share:50` is 50 % or a half, `=3.10` is a number exactly as written."""

Meaning = tuple[tuple[Values, ...], Values]
"""The readings and the values of a fact, as in `Fact`."""
Reader = Callable[[re.Match[str]], Meaning | None]
"""Returns the meaning of a match, or None if the match is not such a fact (for example the 13th month)."""
Form = tuple[re.Pattern[str], Reader]


@dataclass(frozen=True, slots=True)
class Fact:
    """A number, time or date in a text."""

    text: str
    start: int
    end: int
    readings: tuple[Values, ...]
    """The possible readings. A reading is true if a text states all of its values."""
    values: Values
    """Everything that the fact states, in all notations that other texts may use."""

    @property
    def is_date(self) -> bool:
        """Return True for a date, a month or a day of a month."""
        return any(value.startswith(("day:", "month:")) for value in self.values)

    def is_stated_by(self, values: Values) -> bool:
        """Return True if the values contain any reading."""
        return any(reading <= values for reading in self.readings)

    def matches(self, other: Fact) -> bool:
        """Return True if both facts may mean the same."""
        return self.is_stated_by(other.values) or other.is_stated_by(self.values)


def build_forms(*forms: tuple[str, Reader]) -> tuple[Form, ...]:
    """Compile the expressions of a table of forms."""
    return tuple((re.compile(form, re.IGNORECASE), read) for form, read in forms)


def single(value: str) -> Meaning:
    """Return the meaning of a fact with one value and one reading."""
    values = Values({value})
    return (values,), values


def format_decimal(whole: str, fraction: str = "", *, zeros: int = 0) -> str:
    """Format a decimal number without redundant zeros, multiplied by 10 ** zeros. Exact for any number of digits."""
    fraction = fraction.ljust(zeros, "0")
    whole, fraction = (whole + fraction[:zeros]).lstrip("0") or "0", fraction[zeros:].rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole
