"""Ratings: read a language model's rating of a passage strictly, or not at all.

A number in prose is never a rating ("of the 20 passages this one …" would put any passage first), and half an answer is
none: a reply counts when it holds exactly one rating in the form that was asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.prompts import drop_thinking

HIGHEST = 10

# What may stand around a rating: emphasis, quotes, a full stop; no minus, no brackets (a passage's number wears those).
_TRIM = r"[\s*_`#>\"'.]*"
_LABELLED = re.compile(
    rf"^{_TRIM}(?:score|rating|评分|分数|得分){_TRIM}[:：=]{_TRIM}(\d{{1,2}}(?:\.\d+)?)(?:\s*/\s*10)?{_TRIM}$",
    re.IGNORECASE | re.MULTILINE,
)
_BARE = re.compile(rf"{_TRIM}(\d{{1,2}}(?:\.\d+)?)(?:\s*/\s*10)?{_TRIM}")
_NUMERIC = re.compile(r"\s*(\d{1,2}(?:\.\d+)?)(?:\s*/\s*10)?\s*")


@dataclass(frozen=True, slots=True)
class Rating:
    """What a model said about one passage."""

    value: float
    """0..10."""
    reason: str = ""


def parse_rating(text: str) -> Rating | None:
    """Read the one rating in a reply; None when there is none, or more than one that differ."""
    said = drop_thinking(text)
    found = [rating for value in _json_objects(said) if (rating := _from_object(value)) is not None]
    # A JSON object may be quoted from the passage, so a labelled rating beside it has to agree.
    found += [Rating(float(number)) for number in _LABELLED.findall(said)]
    if not found and (bare := _BARE.fullmatch(said)):
        found = [Rating(float(bare[1]))]
    if len({rating.value for rating in found}) != 1 or not 0 <= found[0].value <= HIGHEST:
        return None
    return found[0]


def _json_objects(text: str) -> Iterator[dict[str, Any]]:
    decoder = json.JSONDecoder()
    at = text.find("{")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            if isinstance(value, dict):
                yield value
        at = text.find("{", end)


def _from_object(value: dict[str, Any]) -> Rating | None:
    score = value.get("score")
    if isinstance(score, str) and (number := _NUMERIC.fullmatch(score)):
        score = float(number[1])
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= HIGHEST:
        return None
    reason = value.get("reason")
    return Rating(float(score), " ".join(reason.split())[:300] if isinstance(reason, str) else "")
