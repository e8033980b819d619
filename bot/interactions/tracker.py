"""One interaction from its arrival to its log line: when it was acknowledged, which jobs came of it, how it ended."""

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

_KEY = "visit"
"""Where an interaction keeps its visit."""

Refuse = Callable[[discord.Interaction, Exception], Awaitable[str]]
"""Answers an error in private and names the outcome."""


@dataclass(slots=True, eq=False)
class InteractionRecord:
    """What is known of one interaction."""

    name: str
    started: float = field(default_factory=perf_counter)
    acknowledged_ms: float | None = None
    thinking: Literal["", "public", "private"] = ""
    """Which message says that the bot thinks and is still to be filled."""
    jobs: list[int] = field(default_factory=list)
    outcome: str = "done"

    def acknowledge(self) -> None:
        """Note that Discord took the first answer."""
        if self.acknowledged_ms is None:
            self.acknowledged_ms = round((perf_counter() - self.started) * 1000, 1)


class InteractionTracker:
    """The interactions in flight, so that a stop can wait for them."""

    def __init__(self) -> None:
        self.closing = False
        self._open: set[InteractionRecord] = set()
        self._none_left = asyncio.Event()
        self._none_left.set()

    def begin(self, interaction: discord.Interaction, name: str) -> InteractionRecord:
        """Note the arrival of an interaction."""
        visit = InteractionRecord(name)
        interaction.extras[_KEY] = visit
        self._open.add(visit)
        self._none_left.clear()
        return visit

    def end(self, interaction: discord.Interaction, outcome: str = "") -> None:
        """Write the log line of an interaction; once, whoever calls it again."""
        visit = visit_of(interaction)
        if visit not in self._open:
            return
        self._open.discard(visit)
        if not self._open:
            self._none_left.set()
        log.info(
            "interaction",
            name=visit.name,
            user=interaction.user.id,
            guild=interaction.guild_id,
            channel=interaction.channel_id,
            acknowledged_ms=visit.acknowledged_ms,
            took_ms=round((perf_counter() - visit.started) * 1000, 1),
            jobs=visit.jobs,
            outcome=outcome or visit.outcome,
        )

    @asynccontextmanager
    async def attend(
        self, interaction: discord.Interaction, name: str, refuse: Refuse
    ) -> AsyncIterator[InteractionRecord]:
        """Accompany an interaction from arrival to log line; an error inside is answered in private."""
        visit = self.begin(interaction, name)
        outcome = ""
        try:
            yield visit
        except Exception as error:  # noqa: BLE001 - the edge of the program: whatever it is, a person waits for a word
            outcome = await refuse(interaction, error)
        finally:
            self.end(interaction, outcome)

    async def drain(self, timeout_s: float) -> bool:
        """Take no new interaction and wait for those in flight; tells whether all ended in time."""
        self.closing = True
        if not self._open:
            return True
        try:
            await asyncio.wait_for(self._none_left.wait(), timeout_s)
        except TimeoutError:
            return False
        return True


def visit_of(interaction: discord.Interaction) -> InteractionRecord:
    """Give the visit of an interaction."""
    visit = interaction.extras.get(_KEY)
    return visit if isinstance(visit, InteractionRecord) else InteractionRecord("unknown")
