"""Track each interaction from its arrival to its log line, and wait for the open ones at a stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Literal

import discord
import structlog

log = structlog.get_logger(__name__)

_KEY = "record"
"""Key of the record in `Interaction.extras`."""

ErrorHandler = Callable[[discord.Interaction, Exception], Awaitable[str]]
"""Reports an error to the user in private and returns the outcome."""


@dataclass(slots=True, eq=False)
class InteractionRecord:
    """Timing, jobs and outcome of one interaction."""

    name: str
    started: float = field(default_factory=perf_counter)
    acknowledged_ms: float | None = None
    thinking: Literal["", "public", "private"] = ""
    """The deferred message ("is thinking…") that still has to be edited, if any."""
    jobs: list[int] = field(default_factory=list)
    outcome: str = "done"

    def acknowledge(self) -> None:
        """Record the time of the first response to Discord."""
        if self.acknowledged_ms is None:
            self.acknowledged_ms = round((perf_counter() - self.started) * 1000, 1)


class InteractionTracker:
    """The open interactions."""

    def __init__(self) -> None:
        self.closing = False
        self._open: set[InteractionRecord] = set()
        self._all_ended = asyncio.Event()
        self._all_ended.set()

    def begin(self, interaction: discord.Interaction, name: str) -> InteractionRecord:
        """Start tracking an interaction."""
        record = InteractionRecord(name)
        interaction.extras[_KEY] = record
        self._open.add(record)
        self._all_ended.clear()
        return record

    def end(self, interaction: discord.Interaction, outcome: str = "") -> None:
        """Write the log line of an interaction. Further calls have no effect.

        It contains no IDs of users, servers or channels, because logs cannot be erased; `inspect.deliveries` shows
        those of the jobs.
        """
        record = record_of(interaction)
        if record not in self._open:
            return
        self._open.discard(record)
        if not self._open:
            self._all_ended.set()
        log.info(
            "interaction",
            name=record.name,
            acknowledged_ms=record.acknowledged_ms,
            took_ms=round((perf_counter() - record.started) * 1000, 1),
            jobs=record.jobs,
            outcome=outcome or record.outcome,
        )

    @asynccontextmanager
    async def track(
        self, interaction: discord.Interaction, name: str, handle_error: ErrorHandler
    ) -> AsyncIterator[InteractionRecord]:
        """Track an interaction inside a `with` block; an error raised in it is reported to the user."""
        record = self.begin(interaction, name)
        outcome = ""
        try:
            yield record
        except Exception as error:  # noqa: BLE001 - top level: the user must get a response to any error
            outcome = await handle_error(interaction, error)
        finally:
            self.end(interaction, outcome)

    async def drain(self, timeout_s: float) -> bool:
        """Refuse new interactions and wait for the open ones; return whether all ended before the timeout."""
        self.closing = True
        if not self._open:
            return True
        try:
            await asyncio.wait_for(self._all_ended.wait(), timeout_s)
        except TimeoutError:
            return False
        return True


def record_of(interaction: discord.Interaction) -> InteractionRecord:
    """Return the record of an interaction, or a new one if the interaction is not tracked."""
    record = interaction.extras.get(_KEY)
    return record if isinstance(record, InteractionRecord) else InteractionRecord("unknown")
