"""Dates: days, months and years in English and Chinese notation."""

from __future__ import annotations

import re

from pipeline.facts.values import Meaning, Values, build_forms, format_decimal, single

FIRST_YEAR_OF_CENTURY = 70
"""Two-digit years from this one on belong to the 20th century, earlier ones to the 21st."""
LONGEST_RANGE = 30
"""Years of a range such as 2003-05; a longer one is two numbers."""

_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = (
    "Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    "|Nov(?:ember)?|Dec(?:ember)?"
)
_MONTH = rf"\b(?P<month>{_MONTHS})\b\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_NAMED_MONTH = re.compile(rf"\b({_MONTHS})\b")


def named_months(text: str) -> Values:
    """Return the months that a text names, as `month:3`."""
    return Values(f"month:{_month_number(name)}" for name in _NAMED_MONTH.findall(text))


def _month_number(name: str) -> int:
    return int(name) if name.isdigit() else _MONTH_NAMES.index(name[:3].lower()) + 1


def _read_date(match: re.Match[str]) -> Meaning | None:
    parts = match.groupdict()
    day = parts.get("day")
    return _date(parts.get("year"), _month_number(parts["month"]), int(day) if day else None)


def _read_ambiguous_date(match: re.Match[str]) -> Meaning | None:
    """Read 03/05/2024, which is a day in March or in May, depending on the country."""
    first, second, year = int(match["first"]), int(match["second"]), match["year"]
    if len(year) == 2:
        year = f"{'20' if int(year) < FIRST_YEAR_OF_CENTURY else '19'}{year}"
    dates = [date for date in (_date(year, second, first), _date(year, first, second)) if date is not None]
    if not dates:
        return None
    return sum((readings for readings, _ in dates), ()), Values().union(*(values for _, values in dates))


def _date(year: str | None, month: int, day: int | None) -> Meaning | None:
    """Return the meaning of a date. Without a day it is a month."""
    if not 1 <= month <= 12 or (day is not None and not 1 <= day <= 31):
        return None
    month_day, only_day = f"--{month:02}-{day or 0:02}", str(day)
    if year is None and day is None:
        return single(f"month:{month}")
    if year is None:
        # The text may name the month in another language, so that only the day was found.
        readings = (Values({month_day}), Values({only_day}))
        return readings, Values({month_day, f"day:{day}", f"month:{month}"})
    in_year = f"{year}-{month:02}"
    values = {in_year, f"year:{year}", f"month:{month}"}
    if day is None:
        return (Values({in_year}), Values({year})), Values(values)
    exact = f"{in_year}-{day:02}"
    loose = ({month_day, year}, {month_day, f"year:{year}"}, {in_year, only_day}, {year, only_day})
    return (Values({exact}), *map(Values, loose)), Values(values | {exact, month_day, f"day:{day}"})


def _read_year_range(match: re.Match[str]) -> Meaning | None:
    """Read 2019/20 and 2003-05."""
    first, end = match["year"], match["end"]
    years = (int(end) - int(first)) % 100
    if not 0 < years < LONGEST_RANGE:
        return None
    last = str(int(first) + years)
    values = Values({first, last, end, f"year:{first}", f"year:{last}"})
    return (Values({first, last}), Values({first, format_decimal(end)})), values


FORMS = build_forms(
    (
        r"(?<![\d.])(?P<year>\d{4})(?:\s?年\s?|[-/.])(?P<month>\d{1,2})(?:\s?月\s?|[-/.])(?P<day>\d{1,2})(?!\.?\d)",
        _read_date,
    ),
    (r"(?<![\d.])(?P<first>\d{1,2})[-/.](?P<second>\d{1,2})[-/.](?P<year>\d{4})(?!\.?\d)", _read_ambiguous_date),
    (
        r"(?<![\d./-])(?P<first>\d{1,2})(?P<sign>[-/])(?P<second>\d{1,2})(?P=sign)(?P<year>\d{2})(?![\d/-])",
        _read_ambiguous_date,
    ),
    (rf"(?<![\d.,:]){_DAY}\.?\s+(?:of\s+)?{_MONTH}(?:,?\s+(?P<year>\d{{4}})\b)?", _read_date),
    (rf"{_MONTH}\s+{_DAY}\b(?![:.,]?\d)(?:,?\s+(?P<year>\d{{4}})\b)?", _read_date),
    (rf"{_MONTH},?\s+(?P<year>\d{{4}})\b", _read_date),
    (r"(?<!\d)(?P<year>\d{4})\s?年\s?(?P<month>\d{1,2})\s?月", _read_date),
    (r"(?<!\d)(?P<month>\d{1,2})\s?月\s?(?P<day>\d{1,2})(?=\s?[日号號])", _read_date),
    (r"(?<![\d.])(?P<month>\d{1,2})\s?月", _read_date),
    (r"(?<![\d.])(?P<year>(?:1[5-9]|20)\d\d)[/\u2013-](?P<end>\d\d)(?![\d/-]|\.\d)", _read_year_range),
)
