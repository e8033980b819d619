"""Find JSON objects and passage numbers in the reply of a language model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_PASSAGE_NUMBER = re.compile(r"\s*\[?\s*(\d{1,4})\s*\]?\s*")


def json_objects(text: str) -> Iterator[dict[str, Any]]:
    """Yield the outermost JSON objects in a text, in order."""
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
    """Read the number of a passage, written as 3, "3" or "[3]"; None for anything else."""
    if isinstance(value, str) and (match := _PASSAGE_NUMBER.fullmatch(value)):
        return int(match[1])
    return value if isinstance(value, int) and not isinstance(value, bool) else None
