"""Labels: numbers that name a thing (room 12, version 2.1, 3号), unlike numbers that state an amount or a time."""

from __future__ import annotations

import re

from pipeline.facts.numbers import CURRENCIES
from pipeline.facts.values import Fact

_PLAIN = re.compile(r"\d+(?:\.\d+)*")
_NOUN_BEFORE = re.compile(
    r"\b(?:room|building|page|section|article|table|figure|line|number|no\.?|level|stage|group|type|model|version"
    r"|part|order|case|item|day)\s?#?\Z|[#\u2116\u7b2c\u00a7]\s?\Z",
    re.IGNORECASE,
)
_CAPITAL_BEFORE = re.compile(
    r"(?P<start>\A|[.!?:]\s)?\b(?!(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?\b)[A-Z][\w-]*\s\Z"
)
_CODE_BEFORE = re.compile(r"[A-Za-z][-\u2013]?\Z")
_NAMED_AFTER = re.compile(r"\s?(?:号|號|版|楼|樓|路|室|栋|班|年级)")
_AMOUNT_AFTER = re.compile(
    r"\s?(?:[%$\u20ac\u00a3\u00a5\uffe5\u00b0\uff05]|-?(?:euros?|dollars?|pounds?|yen|yuan|francs?|cents?|minutes?|hours?|days?"
    r"|weeks?|months?|years?|people|persons?|guests?|visitors?|members?|percent|pages?|metres?|meters?|km|kg|m|cm|mb|gb)\b)",
    re.IGNORECASE,
)


def is_label(text: str, fact: Fact) -> bool:
    """Return True if a number of a text names a thing. Times and dates never do."""
    if not _PLAIN.fullmatch(fact.text) or fact.is_date:
        return False
    before, after = text[max(0, fact.start - 40) : fact.start], text[fact.end :][:16]
    if _NOUN_BEFORE.search(before) or _CODE_BEFORE.search(before) or _NAMED_AFTER.match(after):
        return True
    capital = _CAPITAL_BEFORE.search(before)
    if capital is None or capital[0].split()[-1] in CURRENCIES:
        return False
    # The first word of a sentence is capitalised anyway: "Entry 5 euros", but "Python 3.9 is …".
    return capital["start"] is None or not _AMOUNT_AFTER.match(after)
