"""Times of day in English, Chinese, French and German notation."""

from __future__ import annotations

import re

from pipeline.facts.values import Meaning, Values, build_forms

_MORNING = frozenset({"上午", "早上", "清晨", "凌晨", "a"})
_PERIOD = r"(?:(?P<period>上午|早上|清晨|凌晨|中午|下午|傍晚|晚上)\s*)?"
_MERIDIEM = r"(?P<meridiem>[ap])\.?\s?m\b"
_HOUR = r"(?<![\d.:])(?P<hour>\d{1,2})"
_CHINESE_MINUTE = r"(?:(?P<half>半)|\s?(?P<quarter>[13])\s?刻|\s?(?P<minute>\d{1,2})\s?分?)?"


def _read_time(match: re.Match[str]) -> Meaning | None:
    parts = match.groupdict(default="")
    hour, minute = int(parts["hour"]), _minute(parts)
    if hour > 24 or minute > 59:
        return None
    period = parts.get("period") or parts.get("meridiem", "").lower()
    hours = _hours(parts["hour"], period)
    seconds = f":{parts['second']}" if parts.get("second") else ""
    exact = [f"{h % 24:02}:{minute:02}" for h in hours]
    values = {*exact, *(time + seconds for time in exact)}
    if minute:
        loose = [f"{hour}.{minute:02}".rstrip("0")]
    else:
        loose = [f"bare:{h}" for h in {hour, hour % 12 or 12}]  # "10 to 2" ends at 14:00
        values |= {f"hour:{shown}" for h in (hour, *hours[: 1 if period else 0]) for shown in (h, h % 12 or 12)}
    return tuple(Values({value}) for value in (*(time + seconds for time in exact), *loose)), Values(values)


def _minute(parts: dict[str, str]) -> int:
    if parts.get("half"):
        return 30
    return int(parts.get("minute") or 0) or 15 * int(parts.get("quarter") or 0)


def _hours(written: str, period: str) -> list[int]:
    """Return the hours (0 to 24) that a written hour may mean; 6 without a period is 6 or 18."""
    hour = int(written)
    if not 1 <= hour <= 12 or written.startswith("0"):
        return [hour]
    if not period:
        return [hour, hour % 12 + 12]
    return [hour % 12 if period in _MORNING else hour % 12 + 12]


FORMS = build_forms(
    (
        rf"{_PERIOD}{_HOUR}:(?P<minute>\d{{2}})(?::(?P<second>\d{{2}}))?(?![\d:])(?:\s*{_MERIDIEM})?",
        _read_time,
    ),
    (rf"{_HOUR}(?:\.(?P<minute>\d{{2}}))?\s*{_MERIDIEM}", _read_time),
    (rf"{_PERIOD}{_HOUR}\s?[点點时時](?![间間代候期]){_CHINESE_MINUTE}", _read_time),
    (rf"{_HOUR}\s?h\s?(?P<minute>\d{{2}})\b", _read_time),
)
