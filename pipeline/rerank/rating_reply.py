"""Ratings: read a language model's rating of passages strictly, or not at all.

A number in prose is never a rating ("of the 20 passages this one …" would put any passage first), and half an answer is
none: a reply counts when it holds exactly one rating per passage in the form that was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pipeline.prompts import remove_thinking
from pipeline.rerank.json_reply import json_objects, passage_number

SCALE_MAX = 10
MAX_REASON_CHARS = 300

# What may stand around a rating: emphasis, quotes, a full stop; no minus, no brackets (a passage's number wears those).
_TRIM = r"[\s*_`#>\"'.]*"


@dataclass(frozen=True, slots=True)
class Rating:
    """What a model said about one passage."""

    value: float
    """From 0 to the top of the scale."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _RatingPatterns:
    """The forms of a rating on one scale."""

    labelled: re.Pattern[str]
    bare: re.Pattern[str]
    numeric: re.Pattern[str]
    numbered: re.Pattern[str]


@cache
def _patterns(highest: int) -> _RatingPatterns:
    number = rf"(\d{{1,2}}(?:\.\d+)?)(?:\s*/\s*{highest})?"
    label = r"(?:score|rating|评分|分数|得分)"
    return _RatingPatterns(
        re.compile(rf"^{_TRIM}{label}{_TRIM}[:：=]{_TRIM}{number}{_TRIM}$", re.IGNORECASE | re.MULTILINE),
        re.compile(rf"{_TRIM}{number}{_TRIM}"),
        re.compile(rf"\s*{number}\s*"),
        re.compile(rf"{_TRIM}\[\s*(\d{{1,4}})\s*\]{_TRIM}[:：=>-]{_TRIM}{number}{_TRIM}"),
    )


def parse_rating(text: str, highest: int = SCALE_MAX) -> Rating | None:
    """Read the one rating in a reply; None when there is none, or more than one that differ."""
    said = remove_thinking(text)
    found = [rating for value in json_objects(said) if (rating := _rating_from_object(value, highest)) is not None]
    # A JSON object may be quoted from the passage, so a labelled rating beside it has to agree.
    found += [Rating(float(number)) for number in _patterns(highest).labelled.findall(said)]
    if not found and (bare := _patterns(highest).bare.fullmatch(said)):
        found = [Rating(float(bare[1]))]
    if len({rating.value for rating in found}) != 1 or not 0 <= found[0].value <= highest:
        return None
    return found[0]


def parse_ratings(text: str, count: int, highest: int = SCALE_MAX) -> dict[int, Rating] | None:
    """Read the ratings of passages 1 to `count`; None when fewer than half of them got a usable one.

    A number that no passage has is dropped, and so are two ratings of one passage that differ: each rating stays with
    the number it was given to, whatever is wrong with its neighbours.
    """
    said = remove_thinking(text)
    found: dict[int, Rating | None] = {}
    for number, rating in _numbered_ratings(said, highest):
        if number is None or not 1 <= number <= count:
            continue
        known = found.get(number, rating)
        found[number] = rating if known is not None and rating is not None and known.value == rating.value else None
    usable = {number: rating for number, rating in found.items() if rating is not None}
    return usable if usable and len(usable) * 2 >= count else None


def _numbered_ratings(said: str, highest: int) -> Iterator[tuple[int | None, Rating | None]]:
    objects = list(json_objects(said))
    for value in objects:
        entries = value.get("ratings")
        for entry in entries if isinstance(entries, list) else [value]:
            if isinstance(entry, Mapping):
                yield passage_number(entry.get("id")), _rating_from_object(entry, highest)
    lines = [line for line in said.splitlines() if line.strip()]
    matched = [_patterns(highest).numbered.fullmatch(line) for line in lines]
    if not objects and all(matched):
        for match in matched:
            if match is not None and float(match[2]) <= highest:
                yield int(match[1]), Rating(float(match[2]))


def _rating_from_object(value: Mapping[str, Any], highest: int) -> Rating | None:
    score = value.get("score")
    if isinstance(score, str) and (number := _patterns(highest).numeric.fullmatch(score)):
        score = float(number[1])
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= highest:
        return None
    reason = value.get("reason")
    return Rating(float(score), " ".join(reason.split())[:MAX_REASON_CHARS] if isinstance(reason, str) else "")
