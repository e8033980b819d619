"""Spelled-out numbers: rewrite numbers and times in English or Chinese words in digits."""

from __future__ import annotations

import re
from collections.abc import Callable


def write_in_digits(text: str) -> str:
    """Return the text with its spelled-out numbers and times in digits."""
    for form, write in _FORMS:
        text = form.sub(write, text)
    return text


_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_ORDINAL_UNITS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_ORDINALS = {word: value for value, word in enumerate(_ORDINAL_UNITS.split(), 1)} | {
    f"{tens[:-1]}ieth": value for value, tens in zip(range(20, 100, 10), _TENS.split(), strict=True)
}
_VALUES = (
    {word: value for value, word in enumerate(_UNITS.split())}
    | dict(zip(_TENS.split(), range(20, 100, 10), strict=True))
    | {"once": 1, "twice": 2}
    | _ORDINALS
)
_POWERS = {"dozen": 12, "hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_ENGLISH_WORD = "(?:" + "|".join(sorted({*_VALUES, *_POWERS}, key=len, reverse=True)) + ")"
_ENGLISH_NUMBER = re.compile(
    rf"\b{_ENGLISH_WORD}(?:(?:[- ]|(?<=hundred) and |(?<=thousand) and ){_ENGLISH_WORD}){{0,12}}\b", re.IGNORECASE
)


def _english_digits(match: re.Match[str]) -> str:
    words = re.findall(_ENGLISH_WORD, match[0].lower())
    if words[0] in _POWERS and re.search(r"\d\s*\Z", match.string[max(0, match.start() - 4) : match.start()]):
        return match[0]  # the scale of a number in digits: 5 million
    written: list[str] = []
    total = current = 0
    for place, word in enumerate(words):
        power, value = _POWERS.get(word, 0), _VALUES.get(word, 0)
        if power > 100:
            total, current = total + max(current, 1) * power, 0
        elif power:
            current = max(current, 1) * power
        elif place == 0 or _continues(current, value, words[place - 1]):
            current += value
        elif word in _ORDINALS:  # "one third"; "one second" is a duration
            return f"{total + current}{' second' if value == 2 else f'/{value}'}"
        else:  # "nineteen ninety-nine" is two numbers
            written.append(str(total + current))
            total, current = 0, value
    return " ".join([*written, str(total + current)])


def _continues(current: int, value: int, before: str) -> bool:
    """Return True if a word continues a number: "one" after "twenty", "nineteen" after "one hundred"."""
    return before in _POWERS or (current % 100 >= 20 and current % 10 == 0 and 0 < value < 10)


_CHINESE_VALUES = {character: value for value, character in enumerate("零一二三四五六七八九")} | {
    "〇": 0,
    "两": 2,
    "兩": 2,
}
_CHINESE_POWERS = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
_CHINESE_DIGITS, _POWER_SIGNS = "".join(_CHINESE_VALUES), "".join(_CHINESE_POWERS)
_WEEKDAY = re.compile(r"(?<=[周期拜])[一二三四五六](?![百千万萬亿億])")
_CHINESE_NUMBER = re.compile(
    rf"(?<!\d)(?=十|[百千万萬亿億]{{0,2}}[{_CHINESE_DIGITS}])[{_CHINESE_DIGITS}{_POWER_SIGNS}]{{1,20}}"
)
MIXED_NUMBER = (
    rf"(?<![\d.])\d{{1,4}}[{_POWER_SIGNS}]{{1,2}}(?:[\d{_CHINESE_DIGITS}]{{1,4}}[{_POWER_SIGNS}]{{1,2}}){{1,4}}"
    r"(?![克米瓦卡赫])"
)
"""Expression for a number with Arabic digits between Chinese powers of ten: 1亿5千万, 1万2千."""


def _chinese_digits(match: re.Match[str]) -> str:
    after = match.string[match.end() : match.end() + 1]
    # 星期一21:00 must not become 星期121:00.
    gap = " " if after.isdecimal() or after in {*_CHINESE_VALUES, *_CHINESE_POWERS} else ""
    return chinese_value(match[0]) + gap


def chinese_value(written: str) -> str:
    """Return the value of a number in Chinese characters, which may contain Arabic digits."""
    if not any(character in _CHINESE_POWERS for character in written):
        return "".join(str(_CHINESE_VALUES[character]) for character in written)
    total = section = digit = 0
    last = 1
    parts = re.findall(r"\d+|\D", written)
    for before, part, after in zip(("", *parts), parts, (*parts[1:], ""), strict=False):
        power = _CHINESE_POWERS.get(part)
        if power is None:
            digit = _CHINESE_VALUES[part] if part in _CHINESE_VALUES else int(part)
            if after in _CHINESE_VALUES and digit:  # two digits in a row are not a number
                return written
            if not after and _CHINESE_POWERS.get(before, 0) >= 100:
                digit = digit * last // 10  # 一万二 omits 千
        elif power >= 10**4:
            amount = section + digit
            total, section, digit = total + amount * power if total > power else (total + amount) * power, 0, 0
        else:
            section, digit = section + max(digit, 1) * power, 0
        last = power or last
    return str(total + section + digit)


_VULGAR_FRACTIONS = {"\u00bd": "5", "\u00bc": "25", "\u00be": "75", "\u215b": "125"}


def _decimal(match: re.Match[str]) -> str:
    return f"{match['whole'] or 0}.{_VULGAR_FRACTIONS[match['sign']]}"


def _past(match: re.Match[str]) -> str:
    hour, minute = int(match["hour"]), int(match["minute"])
    return f"{hour}:{minute:02}" if minute < 60 else match[0]


def _quarter(match: re.Match[str]) -> str:
    hour = int(match["hour"])
    return f"{hour}:15" if match["side"].lower() == "past" else f"{(hour - 2) % 12 + 1}:45"


_HOUR = r"(?P<hour>\d{1,2})\b(?![:.]\d)"
_Write = Callable[[re.Match[str]], str]
_FORMS: tuple[tuple[re.Pattern[str], str | _Write], ...] = (
    (re.compile(r"\bmidnight\b", re.IGNORECASE), "12 am"),
    (re.compile(r"\b(?:noon|midday)\b", re.IGNORECASE), "12 pm"),
    (_ENGLISH_NUMBER, _english_digits),
    (_WEEKDAY, _chinese_digits),
    (re.compile(MIXED_NUMBER), _chinese_digits),
    (_CHINESE_NUMBER, _chinese_digits),
    (re.compile(r"(?:(?<![\d.,])(?P<whole>\d{1,9})\s?)?(?P<sign>[\u00bc-\u00be\u215b])"), _decimal),
    (re.compile(r"(?<![\d.,])(\d{1,9}) and a half\b", re.IGNORECASE), r"\1.5"),
    (re.compile(r"(?<![\d.,])(\d{1,9})\s?(个|天|年|小时)半(?![径价票])"), r"\1.5\2"),
    (re.compile(rf"\bhalf past {_HOUR}", re.IGNORECASE), r"\g<hour>:30"),
    (re.compile(rf"\b(?:a )?quarter (?P<side>past|to) {_HOUR}", re.IGNORECASE), _quarter),
    (re.compile(rf"(?<![\d.,:])(?P<minute>\d{{1,2}}) (?:minutes )?past {_HOUR}", re.IGNORECASE), _past),
)
