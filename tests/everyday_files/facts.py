"""Files with questions, and the check that an answer contains the fact."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.text.scripts import HAN, KANA

_CITATION = re.compile(r"\[\d{1,3}\]")
_EAST_ASIAN_SPACE = re.compile(rf"(?<=[{HAN}{KANA}])\s+|\s+(?=[{HAN}{KANA}])")


@dataclass(frozen=True, slots=True)
class FactQuestion:
    """A question with the fact that answers it."""

    text: str
    facts: tuple[str, ...]
    """The right answer contains one of these."""
    wrong: tuple[str, ...] = ()
    """The right answer contains none of these: the values of neighbours, struck-out values."""


@dataclass(frozen=True, slots=True)
class EverydayFile:
    """A generated file with questions that only this file answers."""

    kind: str
    name: str
    content: bytes
    questions: tuple[FactQuestion, ...]


def states_fact(answer: str, question: FactQuestion) -> bool:
    """Return True if an answer contains a right value and no wrong one."""
    text = _CITATION.sub("", answer)
    return mentions(text, question.facts) and not mentions(text, question.wrong)


def mentions(text: str, values: Sequence[str]) -> bool:
    """Return True if a text contains a value as whole words, apart from case, width and white space."""
    folded = _fold(text)
    return any(re.search(_pattern(_fold(value)), folded) for value in values)


def _fold(text: str) -> str:
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().replace("**", "").split())
    return _EAST_ASIAN_SPACE.sub("", folded)


def _pattern(value: str) -> str:
    # The 5 of 15, 2.5 or 5,000 is another value. Chinese has no spaces, so only Latin letters and digits limit a word.
    before = r"(?<![a-z0-9])" if re.match(r"[a-z0-9]", value) else ""
    after = r"(?![a-z0-9])" if re.search(r"[a-z0-9]\Z", value) else ""
    before += r"(?<!\d[.,:])" if value[0].isdigit() else ""
    after += r"(?![.,:]\d)" if value[-1].isdigit() else ""
    return f"{before}{re.escape(value)}{after}"
