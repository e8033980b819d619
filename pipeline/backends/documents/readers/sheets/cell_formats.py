"""Format numbers of spreadsheets as the sheet shows them (ECMA-376 part 1, 18.8.30 and 18.8.31).

The subset that sheets use: decimals, thousands separators, percent, scaling, literals, currencies, fractions,
scientific notation, dates, times, durations, several sections and conditions. Dates that consist of numbers are
written as ISO dates, because the order of day and month depends on the language of the program that shows them. A
format that cannot be applied leaves the plain number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache

from pipeline.backends.documents.readers.sheets.date_formats import (
    DATE_LETTERS,
    ELAPSED,
    DateFormat,
    is_date_token,
    parse_date_format,
)

_TOKENS = re.compile(
    r'"[^"]*"?|\\.|_.|\*.|\[[^\]]*\]|general|am/pm|a/p|上午/下午|y+|m+|d+|h+|s+(?:\.0+)?|g+|e|.',
    re.IGNORECASE | re.DOTALL,
)
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?\d+(?:\.\d+)?)")
_CONTEXT = Context(prec=400)
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": lambda value, limit: value < limit,
    "<=": lambda value, limit: value <= limit,
    ">": lambda value, limit: value > limit,
    ">=": lambda value, limit: value >= limit,
    "=": lambda value, limit: value == limit,
    "<>": lambda value, limit: value != limit,
}
_DIGITS = "0#?"
_PLAIN = re.compile(r"x*(?P<digits>(?:#,##)?0(?:\.(?P<places>0+))?)(?P<after>x*%?x*)")

BUILT_IN_FORMATS = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 5: '"$"#,##0', 6: '"$"#,##0', 7: '"$"#,##0.00', 8: '"$"#,##0.00',
    9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?", 13: "# ??/??", 14: "yyyy-mm-dd", 15: "d-mmm-yy", 16: "d-mmm",
    17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss", 22: "yyyy-mm-dd h:mm",
    **dict.fromkeys((27, 28, 29, 30, 31, 36, 50, 51, 52, 53, 54, 57, 58), "yyyy-mm-dd"),
    **dict.fromkeys((32, 34, 55), "h:mm"), **dict.fromkeys((33, 35, 56), "h:mm:ss"),
    37: "#,##0;(#,##0)", 38: "#,##0;(#,##0)", 39: "#,##0.00;(#,##0.00)", 40: "#,##0.00;(#,##0.00)",
    41: "#,##0", 42: '"$"#,##0', 43: "#,##0.00", 44: '"$"#,##0.00', 45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0",
    48: "##0.0E+0", 49: "@",
}  # fmt: skip
"""Format codes of the numbers below 164, which files use without defining them; 14 and 22 depend on the language."""


@dataclass(frozen=True, slots=True)
class _Token:
    """A part of a format: a literal text, or a placeholder with its letters."""

    text: str
    literal: bool = False


@dataclass(frozen=True, slots=True)
class _PlainFormat:
    """A format such as `#,##0.00 "EUR"`: digits between two literals, which most cells have."""

    prefix: str
    suffix: str
    grouped: bool
    step: Decimal
    """The unit of the last digit."""
    factor: int
    """100 for percent."""

    def format(self, value: float) -> str:
        number = Decimal(f"{abs(value):.15g}")
        rounded = (number * self.factor).quantize(self.step, ROUND_HALF_UP, _CONTEXT)
        sign = "-" if value < 0 and rounded else ""
        digits = f"{rounded:,f}" if self.grouped else f"{rounded:f}"
        return f"{sign}{self.prefix}{digits}{self.suffix}"


@dataclass(frozen=True, slots=True)
class _Section:
    tokens: tuple[_Token, ...]
    condition: tuple[str, float] | None
    date: DateFormat | None
    plain: _PlainFormat | None

    def contains(self, text: str) -> bool:
        return any(token.text == text and not token.literal for token in self.tokens)


def format_number(value: float, code: str, *, epoch_1904: bool = False) -> str:
    """Format a number; the plain number if the format is unknown, shows nothing, or does not fit the value."""
    sections = _find_number_sections(code)
    if not sections:
        return format_general(value)
    section, negative = _choose_section(value, sections)
    try:
        if section.date is not None:
            shown = section.date.format(value, epoch_1904=epoch_1904)
        elif section.plain is not None:
            shown = section.plain.format(value if negative else abs(value))
        else:
            shown = _format_decimal(value if negative else abs(value), section)
    except (InvalidOperation, ValueError, OverflowError, ZeroDivisionError):
        shown = ""
    return " ".join(shown.split()) or format_general(value)


def format_text(text: str, code: str) -> str:
    """Insert a text into the literals of a format such as `"Room "@`."""
    for section in _parse_format(code):
        if section.contains("@"):
            return "".join(text if t.text == "@" and not t.literal else t.text for t in section.tokens).strip()
    return text


def format_general(value: float) -> str:
    """Write a number without a format, with at most 15 significant digits as spreadsheets store them."""
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < 1e21:
        return str(int(value))
    text = f"{value:.15g}"
    if "e" in text and 1e-10 < abs(value) < 1:
        text = f"{Decimal(text):f}"
    return text.replace("e", "E")


@lru_cache(maxsize=1024)
def _find_number_sections(code: str) -> tuple[_Section, ...]:
    return tuple(section for section in _parse_format(code) if not section.contains("@"))


@lru_cache(maxsize=1024)
def _parse_format(code: str) -> tuple[_Section, ...]:
    sections: list[list[str]] = [[]]
    for match in _TOKENS.finditer(code[:500]):
        if match[0] == ";":
            sections.append([])
        else:
            sections[-1].append(match[0])
    return tuple(_parse_section(parts) for parts in sections[:4])


def _parse_section(parts: Sequence[str]) -> _Section:
    tokens: list[_Token] = []
    condition, locale = None, ""
    is_date = any(is_date_token(part) for part in parts) and not any(part.lower() == "general" for part in parts)
    for part in parts:
        if part.startswith("[") and part.endswith("]") and not ELAPSED.fullmatch(part):
            inner = part[1:-1]
            if match := _CONDITION.fullmatch(inner):
                condition = (match[1], float(match[2]))
            elif inner.startswith("$"):
                currency, _, locale = inner[1:].partition("-")
                tokens.append(_Token(currency, literal=True))
        else:
            tokens += _parse_token(part, is_date=is_date)
    date = parse_date_format([(t.text, t.literal) for t in tokens], locale) if is_date else None
    return _Section(tuple(tokens), condition, date, None if is_date else _parse_plain(tokens))


def _parse_plain(tokens: Sequence[_Token]) -> _PlainFormat | None:
    """Return the parts of a plain format, or None for other formats."""
    pattern = "".join("x" if token.literal else token.text for token in tokens)
    match = _PLAIN.fullmatch(pattern)
    if match is None or len(pattern) != len(tokens):
        return None
    before, after = tokens[: match.start("digits")], tokens[match.end("digits") :]
    return _PlainFormat(
        _join_literals(before),
        _join_literals(after),
        "," in match["digits"],
        Decimal(1).scaleb(-len(match["places"] or "")),
        100 if "%" in match["after"] else 1,
    )


def _parse_token(part: str, *, is_date: bool) -> list[_Token]:
    if part.startswith('"'):
        return [_Token(part.strip('"'), literal=True)]
    if part.startswith("\\"):
        return [_Token(part[1:], literal=True)]
    if len(part) == 2 and part[0] in "_*":  # padding
        return [_Token(" ", literal=True)]
    placeholder = is_date_token(part) if is_date else part in (*_DIGITS, *".,%/@Ee") or part.lower() == "general"
    if not placeholder and not is_date and part[0] in DATE_LETTERS:
        return [_Token(letter, literal=letter not in "Ee") for letter in part]
    return [_Token(part.lower() if part.lower() == "general" else part, literal=not placeholder)]


def _choose_section(value: float, sections: Sequence[_Section]) -> tuple[_Section, bool]:
    """Return the section of a value, and whether a minus sign is written for negative numbers."""
    if len(sections) > 1 and any(section.condition for section in sections):
        for section in sections:
            if section.condition is None:
                return section, True
            operator, limit = section.condition
            if _COMPARISONS[operator](value, limit):
                return section, not (operator in ("<", "<=") and limit <= 0)
        return sections[-1], True
    if value < 0 and len(sections) > 1:
        return sections[1], False
    if value == 0 and len(sections) > 2:
        return sections[2], True
    return sections[0], True


def _format_decimal(value: float, section: _Section) -> str:
    tokens = list(section.tokens)
    if section.contains("general"):
        return "".join(format_general(value) if t.text == "general" else t.text for t in tokens)
    places = [n for n, token in enumerate(tokens) if not token.literal and token.text in _DIGITS]
    if not places:
        return "".join(token.text for token in tokens if token.literal)
    number = Decimal(f"{value:.15g}") * 100 ** sum(t.text == "%" and not t.literal for t in tokens)
    first, last = places[0], places[-1] + 1
    while last < len(tokens) and tokens[last] == _Token(","):
        number, last = number / 1000, last + 1
    before, after = (_join_literals(part) for part in (tokens[:first], tokens[last:]))
    core = tokens[first:last]
    if _Token("/") in tokens:
        return _format_fraction(number, tokens[first:])
    if _Token("E") in core or _Token("e") in core:
        digits = _format_scientific(number, core)
    else:
        digits = _format_places(abs(number), core)
    sign = "-" if number < 0 and re.search("[1-9]", digits) else ""
    return f"{sign}{before}{digits}{after}"


def _join_literals(tokens: Sequence[_Token]) -> str:
    return "".join(token.text for token in tokens if token.literal or token.text in ("%", "."))


def _format_places(number: Decimal, tokens: Sequence[_Token]) -> str:
    """Fill the digit placeholders, from the right before the decimal point and from the left behind it."""
    point = tokens.index(_Token(".")) if _Token(".") in tokens else len(tokens)
    behind = [t for t in tokens[point + 1 :] if t.literal or t.text in _DIGITS]
    count = sum(not token.literal for token in behind)
    rounded = number.quantize(Decimal(1).scaleb(-count), ROUND_HALF_UP, _CONTEXT)
    whole, _, decimals = f"{rounded:f}".partition(".")
    filled = _fill_whole(whole.lstrip("0"), tokens[:point])
    fraction = _fill_decimals(decimals, behind)
    # A point without a digit behind it is shown if the format has no placeholders there.
    return filled + ("." if point < len(tokens) and (fraction or not behind) else "") + fraction


def _fill_whole(digits: str, tokens: Sequence[_Token]) -> str:
    grouped = any(token == _Token(",") for token in tokens)
    places = [n for n, token in enumerate(tokens) if not token.literal and token.text in _DIGITS]
    remaining, written, result = digits, 0, ""
    for position in range(len(tokens) - 1, -1, -1):
        token = tokens[position]
        if token.literal:
            result = token.text + result
        if position not in places:
            continue
        leftmost = position == places[0]
        take = remaining if leftmost else remaining[-1:]
        remaining = "" if leftmost else remaining[:-1]
        for digit in reversed(take or ("0" if token.text == "0" else "")):
            separator = "," if grouped and written and written % 3 == 0 else ""
            result, written = digit + separator + result, written + 1
    return result


def _fill_decimals(digits: str, tokens: Sequence[_Token]) -> str:
    needed = max((n for n, token in enumerate(tokens) if token.text == "0" and not token.literal), default=-1)
    result, position = "", 0
    for n, token in enumerate(tokens):
        if token.literal:
            result += token.text
            continue
        if n <= needed or digits[position:].strip("0"):
            result += digits[position]
        position += 1
    return result


def _format_scientific(number: Decimal, tokens: Sequence[_Token]) -> str:
    position = next(n for n, token in enumerate(tokens) if token.text in "Ee" and not token.literal)
    mantissa, exponent = tokens[:position], tokens[position + 1 :]
    width = sum(t.text in _DIGITS and not t.literal for t in exponent)
    whole = max(1, _count_whole_places(mantissa))
    magnitude = number.adjusted() if number else 0
    power = magnitude // whole * whole
    digits = _format_places(abs(number).scaleb(-power), mantissa)
    if len(digits.partition(".")[0]) > whole:  # rounded up to the next power of ten
        power += whole
        digits = _format_places(abs(number).scaleb(-power), mantissa)
    sign = "-" if power < 0 else "+" * any(t.text == "+" for t in exponent)
    return f"{digits}E{sign}{abs(power):0{width}d}"


def _count_whole_places(tokens: Sequence[_Token]) -> int:
    point = tokens.index(_Token(".")) if _Token(".") in tokens else len(tokens)
    return sum(not token.literal and token.text in _DIGITS for token in tokens[:point])


def _format_fraction(number: Decimal, tokens: Sequence[_Token]) -> str:
    slash = tokens.index(_Token("/"))
    numerator_places = [n for n, t in enumerate(tokens[:slash]) if t.text in _DIGITS and not t.literal]
    mixed = any(tokens[n].text == " " for n in range(numerator_places[0], numerator_places[-1]))
    exact = Fraction(abs(number))
    whole = int(exact) if mixed else 0
    fixed = re.match(r"\d*", "".join(token.text for token in tokens[slash + 1 :]))
    if fixed and fixed[0].strip("0"):
        denominator = int(fixed[0])
        numerator = int((exact - whole) * denominator + Fraction(1, 2))
    else:
        places = sum(t.text in _DIGITS and not t.literal for t in tokens[slash + 1 :])
        nearest = (exact - whole).limit_denominator(max(1, 10 ** min(4, places) - 1))
        numerator, denominator = nearest.numerator, nearest.denominator
    if mixed and numerator == denominator:
        whole, numerator = whole + 1, 0
    shown = str(whole) if mixed and not numerator else f"{whole or ''} {numerator}/{denominator}".strip()
    return "-" * (number < 0) + shown
