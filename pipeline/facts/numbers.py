"""Numbers: amounts, shares, fractions, versions and phone numbers in digits."""

from __future__ import annotations

import re

from pipeline.facts.values import Meaning, Values, build_forms, format_decimal, single
from pipeline.facts.words import MIXED_NUMBER, chinese_value
from pipeline.text.scripts import CJK_SYMBOLS, HAN, HANGUL, KANA, starts_east_asian
from pipeline.text.terms import is_content_term, split_terms

CURRENCIES = ("EUR", "USD", "GBP", "CHF", "CNY", "RMB", "JPY")
"""Capitalised words that do not name the number after them, unlike "Python 3.10"."""
SHORTEST_PHONE = 7
"""Digits."""

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
_METRES_OR_BYTES = frozenset("mb")
"""Scales that may also be units: 5 M may be 5 metres."""

_TENTHS = re.compile(r"(?<![\d.])(\d)\s?成(?![为立本员就果年绩长熟交])")
_NAMED_SHARES = (
    (re.compile(r"\bhalf\b|[1一]半", re.IGNORECASE), ("share:50", "0.5", "1/2")),
    (re.compile(r"\b(?:a|1) quarter\b|4分之1", re.IGNORECASE), ("share:25", "0.25", "1/4")),
    (re.compile(r"\b3 quarters\b|4分之3", re.IGNORECASE), ("share:75", "0.75", "3/4")),
)
_CENTS = re.compile(r"\s?(?:p|pence|c|cents?|ct|\u00a2|分钱)(?!\w)", re.IGNORECASE)
_PERCENT = re.compile(r"\s?(?:[%\uff05]|per\s?cent\b)", re.IGNORECASE)
_VERSION_BEFORE = re.compile(
    rf"(?:\b(?!(?:{'|'.join(CURRENCIES)})\b)(?-i:[A-Z])\w*|\b(?:versions?|v|release|section|chapter)|版本|第)\s?\Z",
    re.IGNORECASE,
)
_VERSION_AFTER = re.compile(r"\s?[版节節章]")
_NEXT_WORD = re.compile(rf"\s?([{CJK_SYMBOLS}{HAN}{KANA}{HANGUL}]|[^\W\d_]+)")
_TIME_WORD = re.compile(
    r"(?:o|[ap]m?|st|nd|rd|th|h|hours?|[点點时時日号號月年至到和或及与])\Z",
    re.IGNORECASE,
)
_UNIT_SIGNS = frozenset("%\uff05‰°€$£¥￥")


def named_shares(text: str) -> Values:
    """Return the shares that a text names in words, as `share:50` and in other notations."""
    tenths = (f"share:{tenths}0" for tenths in _TENTHS.findall(text))
    return Values((*tenths, *(value for form, values in _NAMED_SHARES if form.search(text) for value in values)))


def word_after(text: str) -> str:
    """Return the word, or the East Asian character, at the start of the text after a number; empty if there is none."""
    word = _NEXT_WORD.match(text)
    return word[1] if word else ""


def _read_chinese_number(match: re.Match[str]) -> Meaning:
    return single(chinese_value(match[0]))


def _read_phone(match: re.Match[str]) -> Meaning | None:
    groups = re.findall(r"\d+", match[0])
    whole = "".join(groups)
    if len(whole) < SHORTEST_PHONE:
        return None
    return (Values({f"+{whole}"}), Values(groups), Values({whole})), Values([f"+{whole}", *groups])


def _read_fraction(match: re.Match[str]) -> Meaning | None:
    top, bottom = int(match["top"]), int(match["bottom"])
    if not 0 < top < bottom:
        return None
    fraction, parts = f"{top}/{bottom}", Values({str(top), str(bottom)})
    readings, values = (Values({fraction}), parts), parts | {fraction}
    if 1000 * top % bottom:
        return readings, values
    decimal = format_decimal("0", f"{1000 * top // bottom:03}")
    return (*readings, Values({decimal})), values | {decimal, f"share:{format_decimal('0', decimal[2:], zeros=2)}"}


def _read_dotted(match: re.Match[str]) -> Meaning:
    """Read 1.200.000 as a number, and a version, section or address as written."""
    written = match[0]
    is_grouped = re.fullmatch(r"\d{1,3}(?:\.\d{3})+", written)
    return single(written.replace(".", "") if is_grouped else written)


def _read_number(match: re.Match[str]) -> Meaning:
    written, scale = match["number"], (match["scale"] or "").lower()
    before, after = match.string[max(0, match.start() - 24) : match.start()], match.string[match.end() :][:24]
    plain = _separator_readings(written)
    values = Values().union(*plain)
    if scale:
        scaled = Values({format_decimal(*next(iter(plain[0])).split("."), zeros=_SCALES[scale])})
        return (scaled, plain[0]), scaled | (values if scale in _METRES_OR_BYTES else Values())
    whole = next(iter(plain[0])) if len(plain[0]) == 1 else ""
    readings, roles = _roles(whole, after)
    values |= roles
    if written.count(".") == 1:
        as_written = Values({f"={written}"})
        values |= as_written
        if _VERSION_BEFORE.search(before) or _VERSION_AFTER.match(after):
            plain = [as_written]  # version 3.10 is not version 3.1
    time = _dotted_time(written)
    return (*plain, *readings, *([time] if time else [])), values | time


def _roles(whole: str, after: str) -> tuple[list[Values], Values]:
    """Return what a number may be apart from an amount (a share, day, hour, month, year), and the values this adds."""
    values = Values()
    if whole.isdigit() and _CENTS.match(after):
        values = Values({format_decimal(whole[:-2], whole[-2:].zfill(2))})
    if _PERCENT.match(after):
        share = Values({f"share:{whole}"})
        return [share], values | share
    if not whole.isdigit() or after.strip()[:1] in _UNIT_SIGNS:
        return [], values
    is_bare = not _is_counted(after)
    roles = (*(("day", "hour", "month") if is_bare else ()), *(("year",) if len(whole) == 4 else ()))
    values |= Values({f"bare:{whole}"}) if is_bare else Values()
    return [Values({f"{role}:{whole}"}) for role in roles], values


def _dotted_time(written: str) -> Values:
    """Return the value of 18.30 as a time; empty if it cannot be one."""
    clock = re.fullmatch(r"(\d{1,2})\.(\d{2})", written)
    if clock and int(clock[1]) <= 24 and int(clock[2]) <= 59:
        return Values({f"{int(clock[1]):02}:{clock[2]}"})
    return Values()


def _is_counted(after: str) -> bool:
    """Return True if the text after a number is what it counts ("rooms"), not "to", "o'clock" or the end."""
    word = word_after(after)
    if not word or _TIME_WORD.match(word):
        return False
    return all(map(is_content_term, split_terms(word))) or starts_east_asian(word)


def _separator_readings(written: str) -> list[Values]:
    """Return the possible values of a number with its separators, the most likely reading first."""
    digits, signs = re.split(r"\D", written), re.sub(r"\d", "", written)
    joined = Values({format_decimal("".join(digits))})
    if not signs:
        return [joined]
    are_thousands = all(len(group) == 3 for group in digits[1:])
    if signs == ".":
        decimal = Values({format_decimal(*digits)})
        return [decimal, joined] if are_thousands and len(digits[0]) <= 3 else [decimal]
    if signs == "," and not are_thousands:
        return [Values({format_decimal(*digits)}), Values(map(format_decimal, digits))]
    if len(set(signs)) > 1:
        return [Values({format_decimal("".join(digits[:-1]), digits[-1])})]
    return [joined, Values(map(format_decimal, digits))] if signs[0].isspace() else [joined]


_GROUP = "[ \u00a0\u2009\u202f'\u2019]"
FORMS = build_forms(
    (MIXED_NUMBER, _read_chinese_number),
    (r"(?<![\w+])\+\d{1,4}(?:[\s().-]{0,2}\d{1,12}){1,6}", _read_phone),
    (r"(?<![\d/.])(?P<top>\d{1,2})/(?P<bottom>\d{1,2})(?![\d/])", _read_fraction),
    (r"(?<![\d.])\d+(?:\.\d+){2,}", _read_dotted),
    (
        r"(?P<number>(?<![\d.,])\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|(?<![\d.,])\d{1,3}(?:\.\d{3})+,\d+"
        rf"|(?<![\d.,])\d{{1,3}}(?:{_GROUP}\d{{3}})+(?!\d)(?:[.,]\d+)?|\d+(?:[.,]\d+)?|(?<![\w.])\.\d+)" + _SCALE,
        _read_number,
    ),
)
