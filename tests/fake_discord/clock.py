"""Clock and IDs of the fake: real time plus an offset that tests advance, and snowflakes based on it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final

DISCORD_EPOCH_MS: Final = 1_420_070_400_000
_SHARD_BITS: Final = 22


class Clock:
    """A clock that follows real time and can be advanced by tests."""

    def __init__(self) -> None:
        self._start = time.time()
        self._monotonic = time.monotonic()
        self._offset = 0.0

    def now(self) -> float:
        """Return seconds since 1970, monotonic within one test."""
        return self._start + (time.monotonic() - self._monotonic) + self._offset

    def advance(self, seconds: float) -> None:
        """Advance the clock."""
        if seconds < 0:
            raise ValueError("Time of the fake goes forward only.")
        self._offset += seconds


class Snowflakes:
    """Generates unique IDs that sort by time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def new(self) -> int:
        """Return the next id: milliseconds since Discord's epoch in the upper 42 bits."""
        milliseconds = int(self._clock.now() * 1000) - DISCORD_EPOCH_MS
        self._last = max(milliseconds << _SHARD_BITS, self._last + 1)
        return self._last

    def of_shard(self, shard: int, shards: int) -> int:
        """Return an ID that belongs to the shard by Discord's rule (id >> 22) % shards."""
        number = (self.new() >> _SHARD_BITS) + 1
        number += (shard - number) % shards
        self._last = number << _SHARD_BITS
        return self._last


def snowflake_time(snowflake: int) -> float:
    """Return the time of an ID in seconds since 1970."""
    return ((snowflake >> _SHARD_BITS) + DISCORD_EPOCH_MS) / 1000


def format_timestamp(seconds: float) -> str:
    """Format a time as Discord does: ISO 8601 with microseconds and offset."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")
