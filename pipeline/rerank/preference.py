"""Preferences: read which of two passages a language model prefers, strictly, or not at all."""

from __future__ import annotations

import re
from typing import Literal

from pipeline.prompts import remove_thinking
from pipeline.rerank.json_replies import json_objects

Preference = Literal["A", "B", "tie"]

_AROUND = r"[\s*_`\"'.()\[\]（）【】]*"
_NAMED = rf"(?:passage|资料|段落)?{_AROUND}([AB])"
_WHOLE = re.compile(rf"{_AROUND}{_NAMED}{_AROUND}", re.IGNORECASE)
_LABELLED = re.compile(
    rf"^{_AROUND}(?:better|answer|答案){_AROUND}[:：=]{_AROUND}{_NAMED}{_AROUND}$", re.IGNORECASE | re.MULTILINE
)
_TIE = re.compile(rf"{_AROUND}(?:tie|neither|both|equal|一样|都不|相同){_AROUND}", re.IGNORECASE)


def parse_preference(text: str) -> Preference | None:
    """Read the one preference in a reply; None when there is none, or two that differ."""
    said = remove_thinking(text)
    found = {preference for value in json_objects(said) if (preference := _named(value.get("better"))) is not None}
    found |= {_letter(letter) for letter in _LABELLED.findall(said)}
    if not found and (whole := _named(said)) is not None:
        found = {whole}
    return found.pop() if len(found) == 1 else None


def _named(value: object) -> Preference | None:
    if not isinstance(value, str):
        return None
    if match := _WHOLE.fullmatch(value):
        return _letter(match[1])
    return "tie" if _TIE.fullmatch(value) else None


def _letter(letter: str) -> Preference:
    return "A" if letter.upper() == "A" else "B"
