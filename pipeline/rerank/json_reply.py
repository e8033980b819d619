"""JSON in replies: find the objects in what a model said, wherever it put them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_PASSAGE_NUMBER = re.compile(r"\s*\[?\s*(\d{1,4})\s*\]?\s*")


def json_objects(text: str) -> Iterator[dict[str, Any]]:
    """Give the JSON objects in a text, in order; objects within objects are not given again."""
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


def passage_number(value: Any) -> int | None:
    """Read the number of a passage: 3, "3" or "[3]"; nothing else is one."""
    if isinstance(value, str) and (written := _PASSAGE_NUMBER.fullmatch(value)):
        return int(written[1])
    return value if isinstance(value, int) and not isinstance(value, bool) else None
