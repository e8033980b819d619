"""Read a language model's ratings of passages. A reply in any other form is unusable.

A number in prose is never a rating ("of the 20 passages this one …" would put any passage first). A reply is usable if
it contains exactly one rating per passage in the requested form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pipeline.rerank.json_reply import json_objects, passage_number
from pipeline.text.reasoning import remove_reasoning

SCALE_MAX = 10
MAX_REASON_CHARS = 300

# Allowed around a rating: emphasis, quotes, a full stop; no minus and no brackets, which mark the number of a passage.
_TRIM = r"[\s*_`#>\"'.]*"


@dataclass(frozen=True, slots=True)
class Rating:
    """A model's rating of one passage."""

    value: float
    """From 0 to the top of the scale."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _RatingPatterns:
    """Patterns of a rating on one scale."""

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
    """Read the rating in a reply; None if there is none, or if there are several that differ."""
    reply = remove_reasoning(text)
    found = [rating for value in json_objects(reply) if (rating := _rating_from_object(value, highest)) is not None]
    # A JSON object may be quoted from the passage, so a labelled rating in the same reply must agree with it.
    found += [Rating(float(number)) for number in _patterns(highest).labelled.findall(reply)]
    if not found and (bare := _patterns(highest).bare.fullmatch(reply)):
        found = [Rating(float(bare[1]))]
    if len({rating.value for rating in found}) != 1 or not 0 <= found[0].value <= highest:
        return None
    return found[0]


def parse_ratings(text: str, count: int, highest: int = SCALE_MAX) -> dict[int, Rating] | None:
    """Read the ratings of passages 1 to `count`, by number; None if fewer than half of them have a usable one.

    Numbers that no passage has are dropped, and so are differing ratings of the same passage. A rating belongs to the
    number next to it, whatever is wrong with the others.
    """
    reply = remove_reasoning(text)
    found: dict[int, Rating | None] = {}
    for number, rating in _numbered_ratings(reply, highest):
        if number is None or not 1 <= number <= count:
            continue
        known = found.get(number, rating)
        found[number] = rating if known is not None and rating is not None and known.value == rating.value else None
    usable = {number: rating for number, rating in found.items() if rating is not None}
    return usable if usable and len(usable) * 2 >= count else None


def _numbered_ratings(reply: str, highest: int) -> Iterator[tuple[int | None, Rating | None]]:
    objects = list(json_objects(reply))
    for value in objects:
        entries = value.get("ratings")
        for entry in entries if isinstance(entries, list) else [value]:
            if isinstance(entry, Mapping):
                yield passage_number(entry.get("id")), _rating_from_object(entry, highest)
    lines = [line for line in reply.splitlines() if line.strip()]
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
