"""Numbers: find them in a text and tell whether two texts name the same one, however each writes it.

1,200 and 1200, 3.0 and 3, 6 pm and 18:00, 5 March 2024 and 2024年3月5日, 3万 and 30,000, six and 6 are the same. Where
a form can be read in two ways ("1.200", "6:30", "03/05/2024"), either reading will do: a number is only said to be
missing when no reading of it is there. Units are not compared, but what counts things is no day and no hour.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from pipeline.facts.number_words import MIXED_RUN, chinese_value, write_in_digits
from pipeline.text.scripts import CJK_SYMBOLS, HAN, HANGUL, KANA, starts_east_asian
from pipeline.text.terms import is_content_term, split_terms

Values = frozenset[str]
"""Values in one way of writing: `1200`, `18:00`, `2024-03-05`, `--03-05`; `day:5` is a 5 that stood in a date, `bare:5`
one that counts nothing, `share:50` is 50 % or a half, `=3.10` a number as it is written."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number, time or date as it stands in a text."""

    text: str
    start: int
    end: int
    readings: tuple[Values, ...]
    """Each is one way to read it, and holds where all of its values are known."""
    gives: Values
    """What somebody who has read it knows."""

    def is_among(self, known: Values) -> bool:
        """Tell whether any reading holds."""
        return any(reading <= known for reading in self.readings)

    def same_as(self, other: Number) -> bool:
        """Tell whether both may name the same."""
        return self.is_among(other.gives) or other.is_among(self.gives)


def find_numbers(text: str) -> list[Number]:
    """Find the numbers that are written in digits, in reading order."""
    found: list[Number] = []
    left = _in_ascii_digits(text)
    for form, read in _FORMS:

        def take(match: re.Match[str], read: _Read = read) -> str:
            given = read(match)
            if given is None:
                return match[0]
            found.append(Number(text[match.start() : match.end()], match.start(), match.end(), *given))
            return "\0" * len(match[0])

        left = form.sub(take, left)
    return sorted(found, key=lambda number: number.start)


@lru_cache(maxsize=512)
def known_values(text: str) -> Values:
    """Give what the numbers of a text let somebody know, spelled out ones, months and shares included."""
    written = write_in_digits(text)
    # As it stands, too: who repeats 28小时半 is right, though it is 28.5.
    numbers = (*find_numbers(written), *(find_numbers(text) if written != text else ()))
    months = (f"month:{_month_of(name)}" for name in _NAMED_MONTH.findall(written))
    tenths = (f"share:{tenths}0" for tenths in _TENTHS.findall(written))
    shares = (value for form, values in _SHARES if form.search(written) for value in values)
    return frozenset((*months, *tenths, *shares)).union(*(number.gives for number in numbers))


_Given = tuple[tuple[Values, ...], Values]
_Read = Callable[[re.Match[str]], _Given | None]

_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = (
    "Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    "|Nov(?:ember)?|Dec(?:ember)?"
)
_MONTH = rf"\b(?P<month>{_MONTHS})\b\.?"
_NAMED_MONTH = re.compile(rf"\b({_MONTHS})\b")
_TENTHS = re.compile(r"(?<![\d.])(\d)\s?成(?![为立本员就果年绩长熟交])")
_SHARES = (
    (re.compile(r"\bhalf\b|[1一]半", re.IGNORECASE), ("share:50", "0.5", "1/2")),
    (re.compile(r"\b(?:a|1) quarter\b|4分之1", re.IGNORECASE), ("share:25", "0.25", "1/4")),
    (re.compile(r"\b3 quarters\b|4分之3", re.IGNORECASE), ("share:75", "0.75", "3/4")),
)
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_MORNING = frozenset({"上午", "早上", "清晨", "凌晨", "a"})
_HALF = r"(?:(?P<before>上午|早上|清晨|凌晨|中午|下午|傍晚|晚上)\s*)?"
_AFTER_HOUR = r"(?:(?P<half>半)|\s?(?P<quarter>[13])\s?刻|\s?(?P<minute>\d{1,2})\s?分?)?"
_AFTER = r"(?P<after>[ap])\.?\s?m\b"
_SCALES = (
    {"百": 2, "千": 3, "万": 4, "萬": 4, "百万": 6, "千万": 7, "亿": 8, "億": 8, "m": 6, "b": 9}
    | {"hundred": 2, "thousand": 3, "k": 3, "tausend": 3, "billion": 9, "bn": 9, "trillion": 12}
    | dict.fromkeys(("mio", "million", "millions", "millionen", "millones"), 6)
    | dict.fromkeys(("milliard", "milliards", "milliarde", "milliarden"), 9)
)
"""Zeros that a word adds to the number before it."""
_SCALE = (
    r"(?:\s*(?P<scale>(?<=\d)(?:k|(?-i:[MB]))\b|(?:hundred|thousand|tausend|billion|bn|trillion|mio|million(?:s|en)?|millones"
    r"|milliard(?:en?|s)?)\b|百万|千万|[万萬亿億]|千(?![克米瓦卡赫])|百(?!分)))?"
)


def _in_ascii_digits(text: str) -> str:
    """Write full-width and other digits, and the signs between full-width ones, in ASCII; the length stays."""
    if text.isascii():
        return text
    folded = _WIDE_SEPARATOR.sub(lambda match: match[0].translate(_NARROW), text)
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in folded)


_WIDE_SEPARATOR = re.compile(r"(?<=\d)[\uff0e\uff1a\uff0f\uff0d](?=\d)|(?<=[\uff10-\uff19])\uff0c(?=[\uff10-\uff19])")
_NARROW = str.maketrans("\uff0e\uff1a\uff0f\uff0d\uff0c", ".:/-,")


def _read_date(match: re.Match[str]) -> _Given | None:
    parts = match.groupdict()
    name = parts["month"] or ""
    month = int(name) if name.isdigit() else _month_of(name)
    return _date(parts.get("year"), month, int(parts["day"]) if parts.get("day") else None)


def _month_of(name: str) -> int:
    return _MONTH_NAMES.index(name[:3].lower()) + 1


def _read_month(match: re.Match[str]) -> _Given | None:
    value = Values({f"month:{int(match['month'])}"})
    return ((value,), value) if 1 <= int(match["month"]) <= 12 else None


def _read_year_range(match: re.Match[str]) -> _Given | None:
    """Read 2019/20 and 2003-05."""
    year, end = match["year"], match["end"]
    if not 0 < (int(end) - int(year)) % 100 < _LONGEST_SPAN:
        return None
    after = str(int(year) + (int(end) - int(year)) % 100)
    return (Values({year, after}), Values({year, _shift(end)})), Values(
        {year, after, end, f"year:{year}", f"year:{after}"}
    )


def _read_two_way_date(match: re.Match[str]) -> _Given | None:
    """Read 03/05/2024, which has the day first in one country and the month in another."""
    one, other, year = int(match["one"]), int(match["other"]), match["year"]
    if len(year) == 2:
        year = f"{'20' if int(year) < _LAST_CENTURY else '19'}{year}"
    given = [date for date in (_date(year, other, one), _date(year, one, other)) if date is not None]
    if not given:
        return None
    return sum((readings for readings, _ in given), ()), frozenset[str]().union(*(gives for _, gives in given))


def _date(year: str | None, month: int, day: int | None) -> _Given | None:
    if not 1 <= month <= 12 or (day is not None and not 1 <= day <= 31):
        return None
    of_year, of_day = f"--{month:02}-{day:02}" if day else "", str(day or "")
    if year is None:
        # The month may be written in a language that is not known here, so that only the day was found.
        return (Values({of_year}), Values({of_day})), Values({of_year, f"day:{day}", f"month:{month}"})
    in_year = f"{year}-{month:02}"
    gives = {in_year, f"year:{year}", f"month:{month}"}
    if day is None:
        return (Values({in_year}), Values({year})), Values(gives)
    readings = ({f"{in_year}-{day:02}"}, {of_year, year}, {of_year, f"year:{year}"}, {in_year, of_day}, {year, of_day})
    return tuple(map(Values, readings)), Values(gives | {f"{in_year}-{day:02}", of_year, f"day:{day}"})


def _read_time(match: re.Match[str]) -> _Given | None:
    parts = match.groupdict()
    written, minutes, seconds = parts["hour"], parts.get("minute"), parts.get("second")
    hour, minute = int(written), 30 if parts.get("half") else int(minutes or 15 * int(parts.get("quarter") or 0))
    if hour > 24 or minute > 59:
        return None
    said = parts.get("before") or (parts.get("after") or "").lower()
    hours = [hour]
    if 1 <= hour <= 12 and not written.startswith("0"):
        hours = [hour, hour % 12 + 12] if not said else [hour % 12 if said in _MORNING else hour % 12 + 12]
        hours = [12] if said == "中午" and hour == 12 else hours
    end = f":{seconds}" if seconds else ""
    exact = [f"{h % 24:02}:{minute:02}" for h in hours]
    # "10 to 2" is until 14:00.
    loose = [f"bare:{h}" for h in {hour, hour % 12 or 12}] if minute == 0 else [f"{hour}.{minute:02}".rstrip("0")]
    gives = {*exact, *(time + end for time in exact)}
    if minute == 0:
        gives |= {f"hour:{shown}" for h in (hour, *hours[: 1 if said else 0]) for shown in (h, h % 12 or 12)}
    return (*(Values({time + end}) for time in exact), *(Values({said}) for said in loose)), Values(gives)


def _read_dotted(match: re.Match[str]) -> _Given:
    """Read 1.200.000 as a number, and a version, a section or an address as itself."""
    written = match[0]
    is_grouped = re.fullmatch(r"\d{1,3}(?:\.\d{3})+", written)
    value = Values({written.replace(".", "") if is_grouped else written})
    return (value,), value


def _read_fraction(match: re.Match[str]) -> _Given | None:
    top, bottom = int(match["top"]), int(match["bottom"])
    if not 0 < top < bottom:
        return None
    fraction, parts = f"{top}/{bottom}", Values({str(top), str(bottom)})
    readings, gives = (Values({fraction}), parts), parts | {fraction}
    if 1000 * top % bottom:
        return readings, gives
    decimal = _shift("0", f"{1000 * top // bottom:03}")
    return (*readings, Values({decimal})), gives | {decimal, f"share:{_shift('0', decimal[2:], zeros=2)}"}


def _read_compound(match: re.Match[str]) -> _Given:
    value = Values({chinese_value(match[0])})
    return (value,), value


def _read_phone(match: re.Match[str]) -> _Given | None:
    groups = re.findall(r"\d+", match[0])
    whole = "".join(groups)
    if len(whole) < _SHORTEST_PHONE:
        return None
    return (Values({f"+{whole}"}), Values(groups), Values({whole})), Values([f"+{whole}", *groups])


def _read_plain(match: re.Match[str]) -> _Given:
    written, scale = match["number"], (match["scale"] or "").lower()
    before, after = match.string[max(0, match.start() - 24) : match.start()], match.string[match.end() :][:24]
    plain = _plain_readings(written)
    gives = Values(value for reading in plain for value in reading)
    if scale:
        scaled = tuple(Values({_shift(*next(iter(reading)).split("."), zeros=_SCALES[scale])}) for reading in plain[:1])
        by_letter = gives if scale in _METRES_TOO else Values()
        return (*scaled, *plain[:1]), by_letter.union(*scaled)
    whole = next(iter(plain[0])) if len(plain[0]) == 1 else ""
    if whole.isdigit() and _HUNDREDTHS.match(after):
        gives |= Values([_shift("0", whole.zfill(2)) if len(whole) <= 2 else _shift(whole[:-2], whole[-2:])])
    if written.count(".") == 1:
        as_written = Values({f"={written}"})
        gives |= as_written
        if _VERSION_BEFORE.search(before) or _VERSION_AFTER.match(after):
            plain = [as_written]  # version 3.10 is not 3.1
    named: list[Values] = []
    if _SHARE_SIGN.match(after):
        named = [Values({f"share:{whole}"})]
        gives |= named[0]
    elif whole.isdigit() and after.strip()[:1] not in _UNIT_SIGNS:
        is_bare = not _counts(after)
        kinds = ("day", "hour", "month") if is_bare else ()
        named = [Values({f"{kind}:{whole}"}) for kind in (*kinds, *(("year",) if len(whole) == 4 else ()))]
        gives |= Values([f"bare:{whole}"]) if is_bare else Values()
    clock = re.fullmatch(r"(\d{1,2})\.(\d{2})", written)
    if clock and int(clock[1]) <= 24 and int(clock[2]) <= 59:
        time = f"{int(clock[1]):02}:{clock[2]}"
        return (*plain, *named, Values({time})), gives | {time}
    return (*plain, *named), gives


def _counts(after: str) -> bool:
    """Tell whether what stands behind a number is what it counts: rooms, not "to", "o'clock" or the end."""
    word = word_behind(after)
    if not word or _TIME_WORD.match(word):
        return False
    return all(map(is_content_term, split_terms(word))) or starts_east_asian(word)


def word_behind(after: str) -> str:
    """Give the word, or the East Asian character, that a text behind a number begins with; empty if none."""
    word = _NEXT_WORD.match(after)
    return word[1] if word else ""


def _plain_readings(written: str) -> list[Values]:
    """Give the values of a number with its separators; the likeliest reading comes first."""
    digits = re.split(r"[^\d]", written)
    signs = re.sub(r"\d", "", written)
    if not signs:
        return [Values({_shift(written)})]
    grouped = all(len(group) == 3 for group in digits[1:])
    if signs == ".":
        decimal = Values({_shift(*digits)})
        return [decimal, Values({_shift("".join(digits))})] if grouped and len(digits[0]) <= 3 else [decimal]
    if signs == ",":
        return (
            [Values({_shift("".join(digits))})] if grouped else [Values({_shift(*digits)}), Values(map(_shift, digits))]
        )
    if len(set(signs)) > 1:
        return [Values({_shift("".join(digits[:-1]), digits[-1])})]
    joined = Values({_shift("".join(digits))})
    return [joined, Values(map(_shift, digits))] if signs[0].isspace() else [joined]


def _shift(whole: str, fraction: str = "", *, zeros: int = 0) -> str:
    """Write a decimal number without needless zeros, moved up by so many places; exact at any length."""
    fraction = fraction.ljust(zeros, "0")
    whole, fraction = (whole + fraction[:zeros]).lstrip("0") or "0", fraction[zeros:].rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole


_LAST_CENTURY, _SHORTEST_PHONE = 70, 7
_METRES_TOO = frozenset("mb")
_LONGEST_SPAN = 30
_HUNDREDTHS = re.compile(r"\s?(?:p|pence|c|cents?|ct|\u00a2|分钱)(?!\w)", re.IGNORECASE)
_SHARE_SIGN = re.compile(r"\s?(?:[%\uff05]|per\s?cent\b)", re.IGNORECASE)
CURRENCIES = ("EUR", "USD", "GBP", "CHF", "CNY", "RMB", "JPY")
"""Words in capitals that name nothing by the number behind them."""
_VERSION_BEFORE = re.compile(
    rf"(?:\b(?!(?:{'|'.join(CURRENCIES)})\b)(?-i:[A-Z])\w*|\b(?:versions?|v|release|section|chapter)|版本|第)\s?\Z",
    re.IGNORECASE,
)
_VERSION_AFTER = re.compile(r"\s?[版节節章]")
_NEXT_WORD = re.compile(rf"\s?([{CJK_SYMBOLS}{HAN}{KANA}{HANGUL}]|[^\W\d_]+)")
_TIME_WORD = re.compile(
    r"(?:o|[ap]m?|st|nd|rd|th|h|hrs?|hours?|uhr|uur|heures?|horas?|ore|sharp|daily|every|each|[点點时時日号號月年至到和或及与시일월년])\Z",
    re.IGNORECASE,
)
_UNIT_SIGNS = frozenset("%\uff05‰°€$£¥￥")
"""What stands before these is no hour and no day."""
_GROUP = "[ \u00a0\u2009\u202f'\u2019]"
_FORMS: tuple[tuple[re.Pattern[str], _Read], ...] = tuple(
    (re.compile(form, re.IGNORECASE), read)
    for form, read in (
        (
            r"(?<![\d.])(?P<year>\d{4})(?:\s?年\s?|[-/.])(?P<month>\d{1,2})(?:\s?月\s?|[-/.])(?P<day>\d{1,2})(?!\.?\d)",
            _read_date,
        ),
        (r"(?<![\d.])(?P<one>\d{1,2})[-/.](?P<other>\d{1,2})[-/.](?P<year>\d{4})(?!\.?\d)", _read_two_way_date),
        (
            r"(?<![\d./-])(?P<one>\d{1,2})(?P<sign>[-/])(?P<other>\d{1,2})(?P=sign)(?P<year>\d{2})(?![\d/-])",
            _read_two_way_date,
        ),
        (rf"(?<![\d.,:]){_DAY}\.?\s+(?:of\s+)?{_MONTH}(?:,?\s+(?P<year>\d{{4}})\b)?", _read_date),
        (rf"{_MONTH}\s+{_DAY}\b(?![:.,]?\d)(?:,?\s+(?P<year>\d{{4}})\b)?", _read_date),
        (rf"{_MONTH},?\s+(?P<year>\d{{4}})\b", _read_date),
        (r"(?<!\d)(?P<year>\d{4})\s?年\s?(?P<month>\d{1,2})\s?月", _read_date),
        (r"(?<!\d)(?P<month>\d{1,2})\s?月\s?(?P<day>\d{1,2})(?=\s?[日号號])", _read_date),
        (r"(?<![\d.])(?P<month>\d{1,2})\s?月", _read_month),
        (r"(?<![\d.])(?P<year>(?:1[5-9]|20)\d\d)[/\u2013-](?P<end>\d\d)(?![\d/-]|\.\d)", _read_year_range),
        (MIXED_RUN, _read_compound),
        (r"(?<![\w+])\+\d{1,4}(?:[\s().-]{0,2}\d{1,12}){1,6}", _read_phone),
        (
            rf"{_HALF}(?<![\d.:])(?P<hour>\d{{1,2}}):(?P<minute>\d{{2}})(?::(?P<second>\d{{2}}))?(?![\d:])(?:\s*{_AFTER})?",
            _read_time,
        ),
        (rf"(?<![\d.:])(?P<hour>\d{{1,2}})(?:\.(?P<minute>\d{{2}}))?\s*{_AFTER}", _read_time),
        (
            rf"{_HALF}(?<![\d.:])(?P<hour>\d{{1,2}})\s?[点點时時](?![间間代候期]){_AFTER_HOUR}",
            _read_time,
        ),
        (r"(?<![\d.:])(?P<hour>\d{1,2})\s?(?:h(?=\s?\d{2}\b)|uhr\b)(?:\s?(?P<minute>\d{2})\b)?", _read_time),
        (r"(?<![\d/.])(?P<top>\d{1,2})/(?P<bottom>\d{1,2})(?![\d/])", _read_fraction),
        (r"(?<![\d.])\d+(?:\.\d+){2,}", _read_dotted),
        (
            r"(?P<number>(?<![\d.,])\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|(?<![\d.,])\d{1,3}(?:\.\d{3})+,\d+"
            rf"|(?<![\d.,])\d{{1,3}}(?:{_GROUP}\d{{3}})+(?!\d)(?:[.,]\d+)?|\d+(?:[.,]\d+)?|(?<![\w.])\.\d+)" + _SCALE,
            _read_plain,
        ),
    )
)
