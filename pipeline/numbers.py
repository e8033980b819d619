"""Numbers: find them in a text and tell whether two texts name the same one, however each writes it.

1,200 and 1200, 3.0 and 3, 6 pm and 18:00, 5 March 2024 and 2024年3月5日, 3万 and 30,000, six and 6 are the same. Where
a form can be read in two ways ("1.200", "6:30", "03/05/2024"), either reading will do: a number is only said to be
missing when no reading of it is there. Units are not compared.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

Values = frozenset[str]
"""Values in one way of writing: `1200`, `18:00`, `2024-03-05`, `--03-05`; `day:5` is a 5 that stood in a date."""


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


def write_in_digits(text: str) -> str:
    """Write the numbers that are spelled out, in English or Chinese, in digits."""
    text = _NOON.sub("12 pm", _MIDNIGHT.sub("12 am", text))
    return _CHINESE_RUN.sub(_chinese_digits, _ENGLISH_RUN.sub(_english_digits, text))


@lru_cache(maxsize=512)
def known_values(text: str) -> Values:
    """Give what the numbers of a text let somebody know, spelled out ones included."""
    return frozenset[str]().union(*(number.gives for number in find_numbers(write_in_digits(text))))


_Given = tuple[tuple[Values, ...], Values]
_Read = Callable[[re.Match[str]], _Given | None]

_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"\b(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_MORNING = frozenset({"上午", "早上", "清晨", "凌晨", "a"})
_HALF = r"(?:(?P<before>上午|早上|清晨|凌晨|中午|下午|傍晚|晚上)\s*)?"
_AFTER = r"(?P<after>[ap])\.?\s?m\b"
_SCALES = (
    {"百": 2, "千": 3, "万": 4, "萬": 4, "百万": 6, "千万": 7, "亿": 8, "億": 8}
    | {"hundred": 2, "thousand": 3, "k": 3, "tausend": 3, "billion": 9, "bn": 9, "trillion": 12}
    | dict.fromkeys(("mio", "million", "millions", "millionen", "millones"), 6)
    | dict.fromkeys(("milliard", "milliards", "milliarde", "milliarden"), 9)
)
"""Zeros that a word adds to the number before it."""
_SCALE = (
    r"(?:\s*(?P<scale>(?<=\d)k\b|(?:hundred|thousand|tausend|billion|bn|trillion|mio|million(?:s|en)?|millones"
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
    month = int(name) if name.isdigit() else _MONTH_NAMES.index(name[:3].lower()) + 1
    return _date(parts.get("year"), month, int(parts["day"]) if parts.get("day") else None)


def _read_two_way_date(match: re.Match[str]) -> _Given | None:
    """Read 03/05/2024, which has the day first in one country and the month in another."""
    one, other = int(match["one"]), int(match["other"])
    given = [date for date in (_date(match["year"], other, one), _date(match["year"], one, other)) if date is not None]
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
    hour, minute = int(written), 30 if parts.get("half") else int(minutes or 0)
    if hour > 24 or minute > 59:
        return None
    said = parts.get("before") or (parts.get("after") or "").lower()
    hours = [hour]
    if 1 <= hour <= 12 and not written.startswith("0"):
        hours = [hour, hour % 12 + 12] if not said else [hour % 12 if said in _MORNING else hour % 12 + 12]
        hours = [12] if said == "中午" and hour == 12 else hours
    end = f":{seconds}" if seconds else ""
    exact = [f"{h % 24:02}:{minute:02}" for h in hours]
    loose = str(hour) if minute == 0 else f"{hour}.{minute:02}".rstrip("0")
    gives = {*exact, *(time + end for time in exact)}
    if minute == 0:
        gives |= {f"hour:{shown}" for h in (hour, *hours[: 1 if said else 0]) for shown in (h, h % 12 or 12)}
    return (*(Values({time + end}) for time in exact), Values({loose})), Values(gives)


def _read_dotted(match: re.Match[str]) -> _Given:
    """Read 1.200.000 as a number, and a version, a section or an address as itself."""
    written = match[0]
    is_grouped = re.fullmatch(r"\d{1,3}(?:\.\d{3})+", written)
    value = Values({written.replace(".", "") if is_grouped else written})
    return (value,), value


def _read_plain(match: re.Match[str]) -> _Given:
    written, scale = match["number"], (match["scale"] or "").lower()
    plain = _plain_readings(written)
    if scale:
        scaled = tuple(Values({_shift(*next(iter(reading)).split("."), zeros=_SCALES[scale])}) for reading in plain[:1])
        return (*scaled, *plain[:1]), Values({value for reading in scaled for value in reading})
    gives = {value for reading in plain for value in reading}
    whole = next(iter(plain[0])) if len(plain[0]) == 1 else ""
    is_plain = whole.isdigit() and match.string[match.end() : match.end() + 2].strip()[:1] not in _UNIT_SIGNS
    named = [Values({f"{kind}:{whole}"}) for kind in ("day", "hour", "month", "year") if is_plain]
    clock = re.fullmatch(r"(\d{1,2})\.(\d{2})", written)
    if clock and int(clock[1]) <= 24 and int(clock[2]) <= 59:
        time = f"{int(clock[1]):02}:{clock[2]}"
        return (*plain, Values({time})), Values(gives | {time})
    return (*plain, *named), Values(gives)


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
        (rf"(?<![\d.,:]){_DAY}\.?\s+(?:of\s+)?{_MONTH}(?:,?\s+(?P<year>\d{{4}})\b)?", _read_date),
        (rf"{_MONTH}\s+{_DAY}\b(?![:.,]?\d)(?:,?\s+(?P<year>\d{{4}})\b)?", _read_date),
        (rf"{_MONTH},?\s+(?P<year>\d{{4}})\b", _read_date),
        (r"(?<!\d)(?P<year>\d{4})\s?年\s?(?P<month>\d{1,2})\s?月", _read_date),
        (r"(?<!\d)(?P<month>\d{1,2})\s?月\s?(?P<day>\d{1,2})(?=\s?[日号號])", _read_date),
        (
            rf"{_HALF}(?<![\d.:])(?P<hour>\d{{1,2}}):(?P<minute>\d{{2}})(?::(?P<second>\d{{2}}))?(?![\d:])(?:\s*{_AFTER})?",
            _read_time,
        ),
        (rf"(?<![\d.:])(?P<hour>\d{{1,2}})(?:\.(?P<minute>\d{{2}}))?\s*{_AFTER}", _read_time),
        (
            rf"{_HALF}(?<![\d.:])(?P<hour>\d{{1,2}})\s?[点點时時](?![间間代候期])(?:\s?(?P<minute>\d{{1,2}})\s?分?|(?P<half>半))?",
            _read_time,
        ),
        (r"(?<![\d.])\d+(?:\.\d+){2,}", _read_dotted),
        (
            r"(?P<number>(?<![\d.,])\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|(?<![\d.,])\d{1,3}(?:\.\d{3})+,\d+"
            rf"|(?<![\d.,])\d{{1,3}}(?:{_GROUP}\d{{3}})+(?!\d)(?:[.,]\d+)?|\d+(?:[.,]\d+)?)" + _SCALE,
            _read_plain,
        ),
    )
)

_WORDS = (
    "zero/0 one/1 first/1 once/1 two/2 second/2 twice/2 three/3 third/3 four/4 fourth/4 five/5 fifth/5 six/6 sixth/6 "
    "seven/7 seventh/7 eight/8 eighth/8 nine/9 ninth/9 ten/10 tenth/10 eleven/11 eleventh/11 twelve/12 twelfth/12 "
    "dozen/12 thirteen/13 fourteen/14 fifteen/15 sixteen/16 seventeen/17 eighteen/18 nineteen/19 twenty/20 thirty/30 "
    "forty/40 fifty/50 sixty/60 seventy/70 eighty/80 ninety/90"
)
_VALUES = {word: int(value) for word, _, value in (pair.partition("/") for pair in _WORDS.split())}
_POWERS = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_ENGLISH_WORD = "(?:" + "|".join(sorted({*_VALUES, *_POWERS}, key=len, reverse=True)) + ")"
_ENGLISH_RUN = re.compile(
    rf"\b{_ENGLISH_WORD}(?:(?:[- ]|(?<=hundred) and |(?<=thousand) and ){_ENGLISH_WORD}){{0,12}}\b", re.IGNORECASE
)


def _english_digits(match: re.Match[str]) -> str:
    words = re.findall(_ENGLISH_WORD, match[0].lower())
    if words[0] in _POWERS and re.search(r"\d\s*\Z", match.string[max(0, match.start() - 4) : match.start()]):
        return match[0]
    total = current = 0
    for word in words:
        power = _POWERS.get(word, 0)
        if power > 100:
            total, current = total + max(current, 1) * power, 0
        elif power:
            current = max(current, 1) * power
        else:
            current += _VALUES.get(word, 0)
    return str(total + current)


_NOON, _MIDNIGHT = re.compile(r"\b(?:noon|midday)\b", re.IGNORECASE), re.compile(r"\bmidnight\b", re.IGNORECASE)
_CHINESE_VALUES = {character: value for value, character in enumerate("零一二三四五六七八九")} | {
    "〇": 0,
    "两": 2,
    "兩": 2,
}
_CHINESE_POWERS = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
_CHINESE_RUN = re.compile(
    r"(?<!\d)(?=十|[百千万萬亿億]{0,2}[零〇一二两兩三四五六七八九])[零〇一二两兩三四五六七八九十百千万萬亿億]{1,20}"
)


def _chinese_digits(match: re.Match[str]) -> str:
    # Kept apart from digits behind it: 星期一21:00 is no 121.
    after = " " if match.string[match.end() : match.end() + 1].isdecimal() else ""
    return _chinese_value(match[0]) + after


def _chinese_value(written: str) -> str:
    if not any(character in _CHINESE_POWERS for character in written):
        return "".join(str(_CHINESE_VALUES[character]) for character in written)
    total = section = digit = 0
    for character, after in pairwise(written + "\0"):
        power = _CHINESE_POWERS.get(character)
        if power is None:
            digit = _CHINESE_VALUES[character]
            if after in _CHINESE_VALUES and digit:  # two digits in a row make no number
                return written
        elif power >= 10**4:
            total, section, digit = (total + section + digit) * power, 0, 0
        else:
            section, digit = section + max(digit, 1) * power, 0
    return str(total + section + digit)
