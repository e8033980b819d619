"""Remove the links of documents to messages that were deleted."""

from __future__ import annotations

from collections.abc import Iterable

import discord
import structlog
from discord.ext import commands

from bot.interactions.accessors import BotClient
from pipeline.errors import RefdeskError

log = structlog.get_logger(__name__)


class DeletedMessages(commands.Cog):
    """Listener for deleted messages; the events contain only IDs and need no privileged intent."""

    def __init__(self, bot: BotClient) -> None:
        """Store the bot."""
        self.bot = bot

    @commands.Cog.listener()
    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        """Remove the links to a deleted message."""
        await self._remove_links(event.guild_id, event.channel_id, [event.message_id])

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        """Remove the links to messages that were deleted at once."""
        await self._remove_links(event.guild_id, event.channel_id, event.message_ids)

    async def _remove_links(self, guild_id: int | None, channel_id: int, message_ids: Iterable[int]) -> None:
        place = f"https://discord.com/channels/{guild_id or '@me'}/{channel_id}"
        try:
            removed = await self.bot.services.library.remove_links(
                [f"{place}/{message_id}" for message_id in message_ids]
            )
        except RefdeskError as error:
            # The links stay; they lead to a message that Discord reports as deleted.
            log.warning("links to deleted messages not removed", error=error.name)
            return
        if removed:
            log.info("links to deleted messages removed", documents=removed)
