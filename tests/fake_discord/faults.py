"""Injected faults: rate limits, server errors, dropped connections and held requests."""

from __future__ import annotations

import asyncio
import fnmatch
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Self

from tests.fake_discord.errors import DriverError


@dataclass(eq=False)
class Fault:
    """A fault for the next requests of a route."""

    kind: Literal["limit", "status", "drop", "hold", "delay"]
    route: str
    times: int = 1
    after_processing: bool = False
    status: int = 500
    retry_after_s: float = 0.0
    scope: str = "user"
    seconds: float = 0.0
    hold: Hold | None = None


@dataclass(eq=False)
class Hold:
    """Holds requests so that a test can act, or kill the bot, in the meantime."""

    wait_until: Callable[..., None]
    loop: asyncio.AbstractEventLoop
    arrived: int = 0
    _released: asyncio.Event = field(default_factory=asyncio.Event)
    _done: threading.Event = field(default_factory=threading.Event)

    async def wait(self) -> None:
        """Hold a request until it is released."""
        self.arrived += 1
        await self._released.wait()

    def wait_arrived(self, count: int = 1, timeout_s: float = 10.0) -> None:
        """Wait until the given number of requests are held."""
        self.wait_until(lambda: self.arrived >= count, timeout_s, f"{count} held requests")

    @property
    def released(self) -> bool:
        """Whether requests have been released."""
        return self._done.is_set()

    def release(self) -> None:
        """Release held requests and let later ones pass."""
        if not self._done.is_set():
            self._done.set()
            self.loop.call_soon_threadsafe(self._released.set)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class Faults:
    """Pending faults, oldest first."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Add a fault."""
        if fault.times < 1:
            raise DriverError("A fault must happen at least once.")
        self._waiting.append(fault)
        return fault

    def take(self, method: str, template: str, path: str) -> Fault | None:
        """Return the fault for this request, if any, and count it."""
        self._waiting = [fault for fault in self._waiting if not (fault.hold and fault.hold.released)]
        for fault in self._waiting:
            if matches(fault.route, method, template, path):
                fault.times -= 1
                if not fault.times:
                    self._waiting.remove(fault)
                return fault
        return None

    def clear(self) -> None:
        """Remove all pending faults."""
        for fault in self._waiting:
            if fault.hold:
                fault.hold.release()
        self._waiting.clear()


def matches(route: str, method: str, template: str, path: str) -> bool:
    """Return whether a request matches a route: a template, a path with IDs, or `*`; without a method, any matches."""
    pattern = (route if " " in route else f"* {route}").replace("[", "[[]")
    return any(fnmatch.fnmatchcase(f"{method} {name}", pattern) for name in (template, path))
