"""The last line of defence before the store: PostgreSQL takes neither NUL nor half of a surrogate pair."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def storable(value: Any) -> Any:
    """Give a text, or everything inside a JSON value, without the characters that no column takes."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "ignore").decode("utf-8")
    if isinstance(value, Mapping):
        return {storable(key): storable(inside) for key, inside in value.items()}
    if isinstance(value, (list, tuple)):
        return [storable(inside) for inside in value]
    return value
