"""Rate limits of routes: fixed time windows per channel or token, each of which starts with its first request."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Final

from tests.fake_discord.clock import Clock
from tests.fake_discord.faults import matches

UNLIMITED: Final = 1000


@dataclass(eq=False)
class Limit:
    """A maximum number of requests of a route per window, for each channel, webhook token or interaction."""

    route: str
    count: int
    per_s: float
    windows: dict[str, tuple[float, int]] = field(default_factory=dict)
    """Start of the current window and the requests in it."""


@dataclass(frozen=True)
class RateLimitState:
    """The remaining requests of a bucket; a positive wait means that the limit was exceeded."""

    bucket: str
    limit: int = UNLIMITED
    remaining: int = UNLIMITED - 1
    reset_after_s: float = 1.0
    wait_s: float = 0.0

    def headers(self, now: float) -> dict[str, str]:
        """Return the rate limit headers."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": f"{now + self.reset_after_s:.3f}",
            "X-RateLimit-Reset-After": f"{self.reset_after_s:.3f}",
            "X-RateLimit-Bucket": self.bucket,
        }


class Limits:
    """The limits that a test has set; by default, requests are practically unlimited."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._limits: list[Limit] = []

    def add(self, limit: Limit) -> None:
        """Add a limit for a route."""
        self._limits.append(limit)

    def clear(self) -> None:
        """Remove all limits."""
        self._limits.clear()

    def count(self, method: str, template: str, path: str, params: dict[str, str]) -> RateLimitState:
        """Count a request and return the state of its bucket."""
        bucket = f"{zlib.crc32(f'{method} {template}'.encode()):08x}"
        limit = next((one for one in self._limits if matches(one.route, method, template, path)), None)
        if limit is None:
            return RateLimitState(bucket)
        names = ("channel_id", "guild_id", "webhook_token", "interaction_token")
        major = "+".join(params[name] for name in names if name in params)
        now = self._clock.now()
        start, used = limit.windows.get(major, (now, 0))
        if now - start >= limit.per_s:
            start, used = now, 0
        reset = start + limit.per_s - now
        if used >= limit.count:
            return RateLimitState(bucket, limit.count, 0, reset, wait_s=reset)
        limit.windows[major] = (start, used + 1)
        return RateLimitState(bucket, limit.count, limit.count - used - 1, reset)
