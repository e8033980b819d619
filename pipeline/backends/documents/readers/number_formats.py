"""Write the numbers of lists and notes as word processors show them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"),
    (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_CHINESE_DIGITS = "〇一二三四五六七八九"
MAX_ROMAN = 4999
"""Numbers above it are written with digits."""


def to_roman(number: int) -> str:
    """Write a number with lower-case Roman digits."""
    if not 0 < number <= MAX_ROMAN:
        return str(number)
    result = ""
    for value, digits in _ROMAN:
        count, number = divmod(number, value)
        result += digits * count
    return result


def to_letters(number: int) -> str:
    """Write a number as a, b, … z, aa, bb, … as Word and LibreOffice do."""
    if number <= 0 or number > 26 * 30:
        return str(number)
    repeats, index = divmod(number - 1, 26)
    return chr(ord("a") + index) * (repeats + 1)


def to_ordinal(number: int) -> str:
    """Write an English ordinal number: 1st, 2nd, 11th."""
    last = number % 10 if number % 100 not in (11, 12, 13) else 0
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(last, 'th') }"


def to_chinese(number: int) -> str:
    """Write a number below 100 as 一, 十, 十二, 二十; larger ones digit by digit."""
    if not 0 < number < 100:
        return "".join(_CHINESE_DIGITS[int(digit)] for digit in str(max(number, 0)))
    tens, ones = divmod(number, 10)
    return (_CHINESE_DIGITS[tens] if tens > 1 else "") + "十" * (tens > 0) + (_CHINESE_DIGITS[ones] if ones else "")


def to_circled(number: int) -> str:
    """Write a number from 1 to 20 in a circle: ①."""
    return chr(0x2460 + number - 1) if 0 < number <= 20 else str(number)


_FORMATS: Mapping[str, Callable[[int], str]] = {
    "lowerRoman": to_roman,
    "upperRoman": lambda number: to_roman(number).upper(),
    "lowerLetter": to_letters,
    "upperLetter": lambda number: to_letters(number).upper(),
    "ordinal": to_ordinal,
    "decimalZero": lambda number: f"{number:02}",
    "decimalEnclosedCircle": to_circled,
    "decimalEnclosedCircleChinese": to_circled,
    "decimalFullWidth": lambda number: str(number).translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)}),
    "chineseCounting": to_chinese,
    "chineseCountingThousand": to_chinese,
    "japaneseCounting": to_chinese,
    "ideographDigital": to_chinese,
    "taiwaneseCountingThousand": to_chinese,
    "koreanDigital2": to_chinese,
}


def format_number(number: int, name: str) -> str:
    """Write a number in a format of OOXML's `ST_NumberFormat`; unknown formats are written with digits."""
    return _FORMATS.get(name, str)(number)
