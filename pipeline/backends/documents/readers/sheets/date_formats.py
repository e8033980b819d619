"""Format dates, times and durations of spreadsheets, see `cell_formats`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

DATE_LETTERS = "ymdhsgYMDHSG"
ELAPSED = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
"""Hours, minutes or seconds of a duration, which exceed 24 and 60."""

_DATE_TOKEN = re.compile(r"\[(?:h+|m+|s+)\]|y+|m+|d+|h+|s+(?:\.0+)?|g+|e|am/pm|a/p|上午/下午", re.IGNORECASE)
_HALF_DAYS = {"am/pm": ("AM", "PM"), "a/p": ("A", "P"), "上午/下午": ("上午", "下午")}
_SEPARATORS = re.compile(r"[\s./,:-]*")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_ENGLISH = 0x09
_SYSTEM_LOCALES = (0xF800, 0xF400)


@dataclass(frozen=True, slots=True)
class _Moment:
    date: datetime
    seconds: float
    """Seconds since the start of the epoch, for durations."""
    twelve_hours: bool


@dataclass(frozen=True, slots=True)
class DateFormat:
    """A parsed format of dates, times or durations."""

    parts: Sequence[tuple[str, str]]
    """Texts with their kinds: a date letter, "n" for minutes, or empty for literals."""
    iso: bool
    """Whether the date is written as an ISO date and only the time as the format has it."""
    precision: int
    """Decimals of the seconds."""
    elapsed: bool
    twelve_hours: bool

    def format(self, serial: float, *, epoch_1904: bool) -> str:
        """Format a serial number of days; raise `ValueError` if it is not a date."""
        seconds = round(serial * 86400, self.precision)
        if seconds < 0 and not self.elapsed:
            raise ValueError(serial)
        moment = _Moment(_to_datetime(abs(seconds), epoch_1904=epoch_1904), abs(seconds), self.twelve_hours)
        shown = "".join([_format_part(text, kind, moment) for text, kind in self.parts])
        if self.iso:
            time = shown if seconds % 86400 else ""  # programs write midnight for dates without a time
            return f"{moment.date.year:04}-{moment.date.month:02}-{moment.date.day:02} {time}".strip()
        return ("-" if seconds < 0 else "") + shown


def parse_date_format(tokens: Sequence[tuple[str, bool]], locale: str) -> DateFormat:
    """Parse a format; `tokens` are texts and whether they are literal."""
    parts = _resolve_minutes(tokens)
    iso = _is_numeric_date(parts) or (_has_full_date(parts) and _is_untranslatable(parts, locale))
    return DateFormat(
        _strip_literals([part for part in parts if part[1] in ("h", "n", "s", "")]) if iso else parts,
        iso,
        max((len(text.partition(".")[2]) for text, kind in parts if kind == "s"), default=0),
        any(ELAPSED.fullmatch(text) for text, _ in parts),
        any(text.lower() in _HALF_DAYS for text, _ in parts),
    )


def is_date_token(part: str) -> bool:
    """Return whether a part of a format stands for a part of a date or time."""
    return _DATE_TOKEN.fullmatch(part) is not None and part not in ("E", "G")


def _to_datetime(seconds: float, *, epoch_1904: bool) -> datetime:
    # Day 60 is 29 February 1900 in spreadsheets, which did not exist.
    first = (1904, 1, 1) if epoch_1904 else (1899, 12, 31) if seconds < 60 * 86400 else (1899, 12, 30)
    try:
        return datetime(*first, tzinfo=UTC) + timedelta(seconds=seconds)
    except OverflowError as error:
        raise ValueError(seconds) from error


def _resolve_minutes(tokens: Sequence[tuple[str, bool]]) -> list[tuple[str, str]]:
    """Return texts with their kinds; kind "n" is minutes: an `m` after hours or before seconds."""
    parts = [
        (text, "" if literal or text.lower() in _HALF_DAYS else text.strip("[]")[:1].lower())
        for text, literal in tokens
    ]
    placeholders = [n for n, (_, kind) in enumerate(parts) if kind]
    for order, position in enumerate(placeholders):
        text, kind = parts[position]
        previous = parts[placeholders[order - 1]][1] if order else ""
        following = parts[placeholders[order + 1]][1] if order + 1 < len(placeholders) else ""
        if kind == "m" and (text[0] == "[" or (len(text) < 3 and (previous == "h" or following == "s"))):
            parts[position] = (text, "n")
    return parts


def _is_numeric_date(parts: Sequence[tuple[str, str]]) -> bool:
    numeric = not any(kind in ("m", "d") and len(text) > 2 for text, kind in parts)
    return numeric and _has_full_date(parts) and all(_SEPARATORS.fullmatch(text) for text, kind in parts if not kind)


def _has_full_date(parts: Sequence[tuple[str, str]]) -> bool:
    return {"y", "m", "d"} <= {"y" if kind == "e" else kind for _, kind in parts}


def _is_untranslatable(parts: Sequence[tuple[str, str]], locale: str) -> bool:
    """Return whether a date needs the names or the era of a language other than English."""
    try:
        identifier = int(locale or "409", 16) & 0xFFFF
    except ValueError:
        identifier = _ENGLISH
    foreign = identifier & 0x3FF != _ENGLISH and identifier not in _SYSTEM_LOCALES
    named = any(kind in ("m", "d") and len(text) > 2 for text, kind in parts)
    return (foreign and named) or any(kind in ("g", "e") for _, kind in parts)


def _strip_literals(parts: Sequence[tuple[str, str]]) -> Sequence[tuple[str, str]]:
    times = [n for n, (text, kind) in enumerate(parts) if kind or text.lower() in _HALF_DAYS]
    return parts[times[0] : times[-1] + 1] if times else ()


def _format_part(text: str, kind: str, moment: _Moment) -> str:
    if not kind:
        return _HALF_DAYS[text.lower()][moment.date.hour >= 12] if text.lower() in _HALF_DAYS else text
    if text.startswith("["):
        unit = {"h": 3600, "n": 60, "s": 1}[kind]
        return f"{int(moment.seconds // unit):0{len(text) - 2}d}"
    if kind in ("y", "m", "d"):
        return _format_date_part(kind, len(text), moment.date)
    if kind == "s":
        return _format_seconds(text, moment.date)
    hour = (moment.date.hour + 11) % 12 + 1 if moment.twelve_hours else moment.date.hour
    number = {"h": hour, "n": moment.date.minute}.get(kind)
    return "" if number is None else f"{number:0{min(len(text), 2)}d}"


def _format_date_part(kind: str, width: int, date: datetime) -> str:
    if kind == "y":
        return f"{date.year:04d}" if width > 2 else f"{date.year % 100:02d}"
    number = date.month if kind == "m" else date.day
    if width < 3:
        return f"{number:0{width}d}"
    name = _MONTHS[date.month - 1] if kind == "m" else _DAYS[date.weekday()]
    return name[:1] if width == 5 else name if width > 3 else name[:3]


def _format_seconds(text: str, date: datetime) -> str:
    whole, _, decimals = text.partition(".")
    shown = f"{date.second:0{min(len(whole), 2)}d}"
    return f"{shown}.{date.microsecond:06d}"[: len(shown) + 1 + len(decimals)] if decimals else shown
