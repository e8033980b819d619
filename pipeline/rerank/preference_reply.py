"""Read which of two passages a language model prefers. A reply in any other form is unusable."""

from __future__ import annotations

import re
from typing import Literal

from pipeline.rerank.json_reply import json_objects
from pipeline.text.reasoning import remove_reasoning

Preference = Literal["A", "B", "tie"]

_PADDING = r"[\s*_`\"'.()\[\]（）【】]*"
_CHOICE = rf"(?:passage|资料|段落)?{_PADDING}([AB])"
_WHOLE_CHOICE = re.compile(rf"{_PADDING}{_CHOICE}{_PADDING}", re.IGNORECASE)
_LABELLED_CHOICE = re.compile(
    rf"^{_PADDING}(?:better|answer|答案){_PADDING}[:：=]{_PADDING}{_CHOICE}{_PADDING}$", re.IGNORECASE | re.MULTILINE
)
_TIE = re.compile(rf"{_PADDING}(?:tie|neither|both|equal|一样|都不|相同){_PADDING}", re.IGNORECASE)


def parse_preference(text: str) -> Preference | None:
    """Return the preference in a reply; None if there is none, or if there are two that differ."""
    reply = remove_reasoning(text)
    found = {
        preference for value in json_objects(reply) if (preference := _parse_choice(value.get("better"))) is not None
    }
    found |= {_letter(letter) for letter in _LABELLED_CHOICE.findall(reply)}
    if not found and (whole := _parse_choice(reply)) is not None:
        found = {whole}
    return found.pop() if len(found) == 1 else None


def _parse_choice(value: object) -> Preference | None:
    if not isinstance(value, str):
        return None
    if match := _WHOLE_CHOICE.fullmatch(value):
        return _letter(match[1])
    return "tie" if _TIE.fullmatch(value) else None


def _letter(letter: str) -> Preference:
    return "A" if letter.upper() == "A" else "B"
