"""The bot: one client with its commands, its desk and its courier, from start to clean stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import discord
import structlog
import yarl
from discord import app_commands
from discord.ext import commands
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.client.registration import keep_registered
from bot.cogs import COGS
from bot.delivery import DeliveryWorker
from bot.interactions.downloads import AttachmentDownloader
from bot.interactions.errors import INTERACTION_GONE, reply_with_error
from bot.interactions.tracker import InteractionTracker
from bot.locales.translator import CatalogueTranslator
from bot.services import Services
from bot.views.buttons import PersistentComponent, handle_form
from config.settings import Settings
from pipeline.errors import RefdeskError

log = structlog.get_logger(__name__)

INTENTS = discord.Intents(guilds=True, guild_messages=True, dm_messages=True)
"""None is privileged: interactions bring their content along, and a message that mentions the bot has its content."""
DELIVERY_THREADS = 4
LONGEST_LIMIT_S = 30.0
"""A longer rate limit is an error to handle, not a call that sleeps (for up to an hour where a message is old)."""
BEAT_S = 10.0
DRAIN_S = 5.0
"""How long a stop waits for interactions in flight."""
STEP_S = 3.0
"""How long any other step of a stop may take; a database that hangs must not keep the process."""


class _AnsweredElsewhereFilter(logging.Filter):
    """Keeps quiet that another bot process was quicker with suggestions; nobody misses anything by it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let everything else through."""
        error = record.exc_info[1] if record.exc_info else None
        error = getattr(error, "original", error)
        return not (isinstance(error, discord.HTTPException) and error.code in INTERACTION_GONE)


class RefdeskCommandTree(app_commands.CommandTree["RefdeskBot"]):
    """The commands, with one place for what goes wrong in any of them."""

    async def interaction_check(self, interaction: discord.Interaction[RefdeskBot], /) -> bool:
        """Begin a visit; nothing new begins while the bot stops."""
        if self.client.tracker.closing:
            return False
        if interaction.type is not discord.InteractionType.autocomplete:
            command = interaction.command
            self.client.tracker.begin(interaction, "unknown" if command is None else command.qualified_name)
        return True

    async def on_error(
        self, interaction: discord.Interaction[RefdeskBot], error: app_commands.AppCommandError, /
    ) -> None:
        """Answer an error in private."""
        if interaction.type is not discord.InteractionType.autocomplete:
            self.client.tracker.end(interaction, await reply_with_error(interaction, error))


class RefdeskBot(commands.AutoShardedBot):
    """Discord's client with what Refdesk needs beside it."""

    tree: RefdeskCommandTree

    def __init__(self, services: Services, settings: Settings) -> None:
        """Prepare; nothing connects yet."""
        shards: dict[str, Any] = {}
        if settings.discord.shard_count:
            shard_ids = list(settings.discord.shard_ids) or None
            shards = {"shard_count": settings.discord.shard_count, "shard_ids": shard_ids}
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            tree_cls=RefdeskCommandTree,
            intents=INTENTS,
            allowed_mentions=discord.AllowedMentions.none(),
            allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True),
            allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            max_ratelimit_timeout=LONGEST_LIMIT_S,
            **shards,
        )
        self.services = services
        self.settings = settings
        self.tracker = InteractionTracker()
        self.downloads = AttachmentDownloader(int(settings.ingest.max_file_mb * 1_000_000))
        self._delivery_threads = ThreadPoolExecutor(DELIVERY_THREADS, thread_name_prefix="delivery")
        self.delivery_worker = DeliveryWorker(
            self, services.async_database.database, executor=self._delivery_threads, owner=services.process.owner
        )
        self._beating: asyncio.Task[None] | None = None
        self._registering: asyncio.Task[None] | None = None

    async def add_parts(self) -> None:
        """Add all commands and buttons; needs no connection."""
        for cog in COGS:
            await self.add_cog(cog(self))
        self.add_dynamic_items(PersistentComponent)

    async def setup_hook(self) -> None:
        """Prepare what has to be there before the first event: after the login, before the connection."""
        logging.getLogger("discord.app_commands.tree").addFilter(_AnsweredElsewhereFilter())
        await follow_gateway(self)
        await self.add_parts()
        await self.tree.set_translator(CatalogueTranslator())
        await self.services.process.beat()
        # Nobody waits for it: whoever has the commands already can use them meanwhile.
        registering = keep_registered(self.tree, self.services.process, self.application_id or 0)
        self._registering = asyncio.create_task(registering)
        await self.delivery_worker.start()
        self._beating = asyncio.create_task(self._beat())

    async def on_message(self, message: discord.Message, /) -> None:
        """Leave messages to the follow-up alone: there are no commands with a prefix."""

    async def on_interaction(self, interaction: discord.Interaction, /) -> None:
        """Take forms: discord.py knows only those that this very process opened."""
        await handle_form(interaction)

    async def on_app_command_completion(
        self, interaction: discord.Interaction, _command: app_commands.Command[Any, ..., Any] | app_commands.ContextMenu
    ) -> None:
        """End the visit of a command that went well."""
        self.tracker.end(interaction)

    async def on_ready(self) -> None:
        """Say that the bot is there."""
        log.info("connected", bot=str(self.user), servers=len(self.guilds), shards=self.shard_count)

    async def stop(self) -> None:
        """Stop in order: no new work, what is in flight ends, results are left to others, the gateway is closed."""
        if not await self.tracker.drain(DRAIN_S):
            log.warning("interactions cut short by the stop")
        if self._registering is not None:
            self._registering.cancel()
        if self._beating is not None:
            self._beating.cancel()
            await self.delivery_worker.stop()
            await _step(self.services.process.leave())
        await _step(self.downloads.close())
        await _step(self.close())
        self._delivery_threads.shutdown(wait=False, cancel_futures=True)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            try:
                await self.services.process.beat()
            except RefdeskError as error:
                log.warning("no sign of life could be given", error=error.name)
            except Exception:
                log.exception("no sign of life could be given")


async def _step(work: Awaitable[None]) -> None:
    with contextlib.suppress(RefdeskError, TimeoutError):
        await asyncio.wait_for(work, STEP_S)


def follow_api(api_url: str) -> None:
    """Send all requests to another address than Discord's own; to be called before anything connects."""
    Route.BASE = api_url


async def follow_gateway(bot: discord.Client) -> None:
    """Take the gateway that the API names: discord.py asks for it only where it chooses the shards itself."""
    _, address, _ = await bot.http.get_bot_gateway()
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(address)
