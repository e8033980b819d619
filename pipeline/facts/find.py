"""Find the facts of a text.

1,200 and 1200, 3.0 and 3, 6 pm and 18:00, 5 March 2024 and 2024年3月5日, 3万 and 30,000, six and 6 are the same. A form
that can be read in two ways ("1.200", "6:30", "03/05/2024") matches either: a fact is missing only if no reading of it
is stated. Units are not compared, but a number with a unit is neither a day nor an hour.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from pipeline.facts import dates, numbers, times
from pipeline.facts.values import Fact, Reader, Values
from pipeline.facts.words import write_in_digits

FORMS = (*dates.FORMS, *times.FORMS, *numbers.FORMS)
"""The first form that matches a stretch of text reads it."""


def find_facts(text: str) -> list[Fact]:
    """Return the numbers, dates and times that a text writes in digits, in reading order."""
    found: list[Fact] = []
    rest = _fold_digits(text)
    for form, read in FORMS:

        def collect(match: re.Match[str], read: Reader = read) -> str:
            meaning = read(match)
            if meaning is None:
                return match[0]
            found.append(Fact(text[match.start() : match.end()], match.start(), match.end(), *meaning))
            return "\0" * len(match[0])

        rest = form.sub(collect, rest)
    return sorted(found, key=lambda fact: fact.start)


@lru_cache(maxsize=512)
def stated_values(text: str) -> Values:
    """Return all values that a text states, in digits or in words."""
    written = write_in_digits(text)
    # The original text counts as well: 28小时半 supports the claim "28小时半", although it means 28.5.
    facts = (*find_facts(written), *(find_facts(text) if written != text else ()))
    named = (dates.named_months(written), numbers.named_shares(written))
    return Values().union(*named, *(fact.values for fact in facts))


_WIDE_SEPARATOR = re.compile(r"(?<=\d)[\uff0e\uff1a\uff0f\uff0d](?=\d)|(?<=[\uff10-\uff19])\uff0c(?=[\uff10-\uff19])")
_NARROW = str.maketrans("\uff0e\uff1a\uff0f\uff0d\uff0c", ".:/-,")


def _fold_digits(text: str) -> str:
    """Return a text of the same length with full-width and other digits, and separators between them, in ASCII."""
    if text.isascii():
        return text
    folded = _WIDE_SEPARATOR.sub(lambda match: match[0].translate(_NARROW), text)
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in folded)
