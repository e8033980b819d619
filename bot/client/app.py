"""The bot: one client with its commands, services and delivery worker, from start to clean stop."""

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

from bot.client.registration import register_commands
from bot.cogs import COGS
from bot.delivery import DeliveryWorker
from bot.delivery.digests import DigestWorker
from bot.interactions.downloads import AttachmentDownloader
from bot.interactions.errors import INTERACTION_GONE, reply_with_error
from bot.interactions.shared_servers import SharedServers
from bot.interactions.tracker import InteractionTracker
from bot.locales.translator import CatalogueTranslator
from bot.services import Services
from bot.views.buttons import PersistentComponent, handle_form
from config.settings import Settings
from pipeline.errors import RefdeskError

log = structlog.get_logger(__name__)

INTENTS = discord.Intents(guilds=True, guild_messages=True, dm_messages=True)
"""No privileged intents: interactions include their content, and so do messages that mention the bot."""
DELIVERY_THREADS = 4
MAX_RATE_LIMIT_WAIT_S = 30.0
"""A longer rate limit raises an error instead of sleeping in the call, for up to an hour if a message is old."""
HEARTBEAT_INTERVAL_S = 10.0
DRAIN_TIMEOUT_S = 5.0
"""How long a stop waits for interactions in flight."""
STOP_STEP_TIMEOUT_S = 3.0
"""Timeout of any other step of a stop, so that a hanging database does not block the end of the process."""


class _AnsweredByOtherProcessFilter(logging.Filter):
    """Drops log records of interactions that another bot process answered first, which is harmless."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log the record."""
        error = record.exc_info[1] if record.exc_info else None
        error = getattr(error, "original", error)
        return not (isinstance(error, discord.HTTPException) and error.code in INTERACTION_GONE)


class RefdeskCommandTree(app_commands.CommandTree["RefdeskBot"]):
    """The commands, with one error handler for all of them."""

    async def interaction_check(self, interaction: discord.Interaction[RefdeskBot], /) -> bool:
        """Start tracking an interaction; refuse new interactions while the bot stops."""
        if self.client.tracker.closing:
            return False
        if interaction.type is not discord.InteractionType.autocomplete:
            command = interaction.command
            self.client.tracker.begin(interaction, "unknown" if command is None else command.qualified_name)
        return True

    async def on_error(
        self, interaction: discord.Interaction[RefdeskBot], error: app_commands.AppCommandError, /
    ) -> None:
        """Report an error to the user in private."""
        if interaction.type is not discord.InteractionType.autocomplete:
            self.client.tracker.end(interaction, await reply_with_error(interaction, error))


class RefdeskBot(commands.AutoShardedBot):
    """Discord's client with the services and the delivery worker of Refdesk."""

    tree: RefdeskCommandTree

    def __init__(self, services: Services, settings: Settings) -> None:
        """Create the client; no connection is opened yet."""
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
            max_ratelimit_timeout=MAX_RATE_LIMIT_WAIT_S,
            **shards,
        )
        self.services = services
        self.settings = settings
        self.tracker = InteractionTracker()
        self.command_ids: dict[str, str] = {}
        self.downloads = AttachmentDownloader(int(settings.ingest.max_file_mb * 1_000_000))
        self.shared_servers = SharedServers(self)
        self._delivery_threads = ThreadPoolExecutor(DELIVERY_THREADS, thread_name_prefix="delivery")
        self.delivery_worker = DeliveryWorker(
            self, services.async_database.database, executor=self._delivery_threads, owner=services.process.owner
        )
        self.digest_worker = DigestWorker(self, services.async_database.database, executor=self._delivery_threads)
        self._digest_task: asyncio.Task[None] | None = None
        self._heartbeat_task: asyncio.Task[None] | None = None
        self._registration_task: asyncio.Task[None] | None = None

    async def add_commands(self) -> None:
        """Add all commands and buttons; requires no connection."""
        for cog in COGS:
            await self.add_cog(cog(self))
        self.add_dynamic_items(PersistentComponent)

    async def setup_hook(self) -> None:
        """Set up everything that the first event needs. discord.py calls it after the login, before it connects."""
        logging.getLogger("discord.app_commands.tree").addFilter(_AnsweredByOtherProcessFilter())
        await use_gateway_of_api(self)
        await self.add_commands()
        await self.tree.set_translator(CatalogueTranslator())
        await self.services.process.send_heartbeat()
        # In the background: commands that are already registered work meanwhile.
        registration = register_commands(self.tree, self.services.process, self.application_id or 0, self.command_ids)
        self._registration_task = asyncio.create_task(registration)
        await self.delivery_worker.start()
        self._digest_task = asyncio.create_task(self.digest_worker.run())
        self._heartbeat_task = asyncio.create_task(self._send_heartbeats())

    async def on_message(self, message: discord.Message, /) -> None:
        """Ignore the message here: there are no prefix commands, and the follow-up cog has its own listener."""

    async def on_interaction(self, interaction: discord.Interaction, /) -> None:
        """Handle submitted forms: discord.py only handles those that this process opened."""
        await handle_form(interaction)

    async def on_app_command_completion(
        self, interaction: discord.Interaction, _command: app_commands.Command[Any, ..., Any] | app_commands.ContextMenu
    ) -> None:
        """Write the log line of a successful command."""
        self.tracker.end(interaction)

    async def on_ready(self) -> None:
        """Log that the bot is connected."""
        log.info("connected", bot=str(self.user), servers=len(self.guilds), shards=self.shard_count)

    async def stop(self) -> None:
        """Stop cleanly: refuse new interactions, wait for open ones, release the deliveries, close the gateway."""
        if not await self.tracker.drain(DRAIN_TIMEOUT_S):
            log.warning("stopped with open interactions")
        if self._registration_task is not None:
            self._registration_task.cancel()
        if self._digest_task is not None:
            self._digest_task.cancel()
        if self._heartbeat_task is not None:
            self._heartbeat_task.cancel()
            await self.delivery_worker.stop()
            await _run_stop_step(self.services.process.delete_heartbeat())
        await _run_stop_step(self.downloads.close())
        await _run_stop_step(self.close())
        self._delivery_threads.shutdown(wait=False, cancel_futures=True)

    async def _send_heartbeats(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_INTERVAL_S)
            try:
                await self.services.process.send_heartbeat()
            except RefdeskError as error:
                log.warning("heartbeat failed", error=error.name)
            except Exception:
                log.exception("heartbeat failed")


async def _run_stop_step(work: Awaitable[None]) -> None:
    with contextlib.suppress(RefdeskError, TimeoutError):
        await asyncio.wait_for(work, STOP_STEP_TIMEOUT_S)


def set_api_url(api_url: str) -> None:
    """Send all requests to this URL instead of Discord's; call it before any connection is opened."""
    Route.BASE = api_url


async def use_gateway_of_api(bot: discord.Client) -> None:
    """Use the gateway URL of the API; discord.py requests it only if it also chooses the number of shards."""
    _, address, _ = await bot.http.get_bot_gateway()
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(address)
