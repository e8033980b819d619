"""Number words: write the numbers that a text spells out in digits, so that they are found like the others."""

from __future__ import annotations

import re
from collections.abc import Callable


def write_in_digits(text: str) -> str:
    """Write the numbers and times that are spelled out, in English or Chinese, in digits."""
    for form, write in _FORMS:
        text = form.sub(write, text)
    return text


_WORDS = (
    "zero/0 one/1 once/1 two/2 twice/2 three/3 four/4 five/5 six/6 seven/7 eight/8 nine/9 ten/10 eleven/11 twelve/12 "
    "thirteen/13 fourteen/14 fifteen/15 sixteen/16 seventeen/17 eighteen/18 nineteen/19 twenty/20 thirty/30 forty/40 "
    "fifty/50 sixty/60 seventy/70 eighty/80 ninety/90"
)
_ORDINAL_WORDS = (
    "first/1 second/2 third/3 fourth/4 fifth/5 sixth/6 seventh/7 eighth/8 ninth/9 tenth/10 eleventh/11 twelfth/12 "
    "thirteenth/13 fourteenth/14 fifteenth/15 sixteenth/16 seventeenth/17 eighteenth/18 nineteenth/19 twentieth/20 "
    "thirtieth/30 fortieth/40 fiftieth/50 sixtieth/60 seventieth/70 eightieth/80 ninetieth/90"
)


def _values(words: str) -> dict[str, int]:
    return {word: int(value) for word, _, value in (pair.partition("/") for pair in words.split())}


_ORDINALS = _values(_ORDINAL_WORDS)
_VALUES = _values(_WORDS) | _ORDINALS
_POWERS = {"dozen": 12, "hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_ENGLISH_WORD = "(?:" + "|".join(sorted({*_VALUES, *_POWERS}, key=len, reverse=True)) + ")"
_ENGLISH_RUN = re.compile(
    rf"\b{_ENGLISH_WORD}(?:(?:[- ]|(?<=hundred) and |(?<=thousand) and ){_ENGLISH_WORD}){{0,12}}\b", re.IGNORECASE
)


def _english_digits(match: re.Match[str]) -> str:
    words = re.findall(_ENGLISH_WORD, match[0].lower())
    if words[0] in _POWERS and re.search(r"\d\s*\Z", match.string[max(0, match.start() - 4) : match.start()]):
        return match[0]
    written: list[str] = []
    total = current = 0
    for place, word in enumerate(words):
        power, value = _POWERS.get(word, 0), _VALUES.get(word, 0)
        if power > 100:
            total, current = total + max(current, 1) * power, 0
        elif power:
            current = max(current, 1) * power
        elif place == 0 or _fits(current, value, words[place - 1]):
            current += value
        elif word in _ORDINALS:  # "one third"; "one second" is a time
            return f"{total + current}{' second' if value == 2 else f'/{value}'}"
        else:  # "nineteen ninety-nine" is two numbers
            written.append(str(total + current))
            total, current = 0, value
    return " ".join([*written, str(total + current)])


def _fits(current: int, value: int, before: str) -> bool:
    """Tell whether a word goes on with a number: "twenty" with "one", "one hundred" with "nineteen"."""
    return before in _POWERS or (current % 100 >= 20 and current % 10 == 0 and 0 < value < 10)


_CHINESE_VALUES = {character: value for value, character in enumerate("零一二三四五六七八九")} | {
    "〇": 0,
    "两": 2,
    "兩": 2,
}
_CHINESE_POWERS = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
_CHINESE_DIGITS, _POWER_SIGNS = "".join(_CHINESE_VALUES), "".join(_CHINESE_POWERS)
_NUMERALS = frozenset(_CHINESE_DIGITS + _POWER_SIGNS)
_WEEKDAY = re.compile(r"(?<=[周期拜])[一二三四五六](?![百千万萬亿億])")
_CHINESE_RUN = re.compile(
    rf"(?<!\d)(?=十|[百千万萬亿億]{{0,2}}[{_CHINESE_DIGITS}])[{_CHINESE_DIGITS}{_POWER_SIGNS}]{{1,20}}"
)
MIXED_RUN = (
    rf"(?<![\d.])\d{{1,4}}[{_POWER_SIGNS}]{{1,2}}(?:[\d{_CHINESE_DIGITS}]{{1,4}}[{_POWER_SIGNS}]{{1,2}}){{1,4}}"
    r"(?![克米瓦卡赫])"
)
"""Expression for a number with both kinds of digits between powers: 1亿5千万, 1万2千."""


def _weekday_digit(match: re.Match[str]) -> str:
    return str(_CHINESE_VALUES[match[0]]) + _gap(match)


def _chinese_digits(match: re.Match[str]) -> str:
    return chinese_value(match[0]) + _gap(match)


def _gap(match: re.Match[str]) -> str:
    """Keep a number apart from digits behind it: 星期一21:00 is no 121."""
    after = match.string[match.end() : match.end() + 1]
    return " " if after.isdecimal() or after in _NUMERALS else ""


def chinese_value(written: str) -> str:
    """Give the value of a number in Chinese characters, among which digits may stand."""
    if not any(character in _CHINESE_POWERS for character in written):
        return "".join(str(_CHINESE_VALUES[character]) for character in written)
    total = section = digit = 0
    last = 1
    parts = re.findall(r"\d+|\D", written)
    for before, part, after in zip(("", *parts), parts, (*parts[1:], ""), strict=False):
        power = _CHINESE_POWERS.get(part)
        if power is None:
            digit = _CHINESE_VALUES[part] if part in _CHINESE_VALUES else int(part)
            if after in _CHINESE_VALUES and digit:  # two digits in a row make no number
                return written
            if not after and _CHINESE_POWERS.get(before, 0) >= 100:
                digit = digit * last // 10  # 一万二 leaves out 千
        elif power >= 10**4:
            amount = section + digit
            total, section, digit = total + amount * power if total > power else (total + amount) * power, 0, 0
        else:
            section, digit = section + max(digit, 1) * power, 0
        last = power or last
    return str(total + section + digit)


_VULGAR = {"\u00bd": "5", "\u00bc": "25", "\u00be": "75", "\u215b": "125"}


def _decimal(match: re.Match[str]) -> str:
    return f"{match['whole'] or 0}.{_VULGAR[match['sign']]}"


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
    (_ENGLISH_RUN, _english_digits),
    (_WEEKDAY, _weekday_digit),
    (re.compile(MIXED_RUN), _chinese_digits),
    (_CHINESE_RUN, _chinese_digits),
    (re.compile(r"(?:(?<![\d.,])(?P<whole>\d{1,9})\s?)?(?P<sign>[\u00bc-\u00be\u215b])"), _decimal),
    (re.compile(r"(?<![\d.,])(\d{1,9}) and a half\b", re.IGNORECASE), r"\1.5"),
    (re.compile(r"(?<![\d.,])(\d{1,9})\s?(个|天|年|小时)半(?![径价票])"), r"\1.5\2"),
    (re.compile(rf"\bhalf past {_HOUR}", re.IGNORECASE), r"\g<hour>:30"),
    (re.compile(rf"\b(?:a )?quarter (?P<side>past|to) {_HOUR}", re.IGNORECASE), _quarter),
    (re.compile(rf"(?<![\d.,:])(?P<minute>\d{{1,2}}) (?:minutes )?past {_HOUR}", re.IGNORECASE), _past),
)
