"""Post the weekly digests of the servers: a database row is claimed by one bot process at a time."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar

import discord
import structlog

from bot.delivery.decisions import SendFailure
from bot.delivery.send import NO_MENTIONS, SendError, find_permissions, send_errors
from bot.locales.texts import texts_for
from bot.render.digest import render_digest, render_digest_failure
from bot.render.message import OutgoingMessage
from bot.render.payload import build_send_arguments
from bot.render.without_embeds import write_embeds_as_text
from db import activity, digests, gaps
from db.digests import DueDigest
from db.engine import Database
from pipeline.errors import RefdeskError

log = structlog.get_logger(__name__)

T = TypeVar("T")
CHECK_INTERVAL_S = 60.0
"""Time between two queries for digests that are due."""
DAYS = 7
CLOCK_SKEW = dt.timedelta(seconds=10)
HISTORY_LIMIT = 1000
"""Messages since the digest was due that are searched for one that a process may have posted before it ended."""


class DigestWorker:
    """Posts the digests of the servers that this process sees."""

    def __init__(self, bot: discord.Client, database: Database, *, executor: Executor) -> None:
        """Bind to a client and a database; `executor` has threads for queries."""
        self._bot = bot
        self._database = database
        self._executor = executor

    async def run(self) -> None:
        """Post digests when they are due, until the task is cancelled."""
        await self._bot.wait_until_ready()
        while True:
            try:
                while await self.post_next():
                    pass
            except RefdeskError as error:
                log.warning("digests are waiting", error=error.name)
            except Exception:
                log.exception("posting a digest failed")
            await asyncio.sleep(CHECK_INTERVAL_S)

    async def post_next(self) -> bool:
        """Claim and post one digest; return whether one was due."""
        servers = [f"guild:{guild.id}" for guild in self._bot.guilds if not guild.unavailable]
        digest = await self._query(self._claim, servers)
        if digest is None:
            return False
        error = None
        try:
            await self._post(digest)
        except SendError as failure:
            if failure.failure is SendFailure.TEMPORARY:
                # The claim expires after a minute; then the digest is tried again.
                log.warning("digest not posted, retrying", error=str(failure))
                return True
            error = str(failure)
            if digest.error is None:
                await self._notify_manager(digest)
        await self._query(self._finish, digest, error)
        return True

    async def _post(self, digest: DueDigest) -> None:
        guild_id = int(digest.workspace.removeprefix("guild:"))
        channel = self._bot.get_partial_messageable(int(digest.channel_id), guild_id=guild_id)
        message = await self._query(self._render, digest, self._open_channels(guild_id, digest.channel_id))
        async with send_errors():
            if digest.claimed_before and await self._is_posted(channel, message, digest.due_at - CLOCK_SKEW):
                return
            permissions = find_permissions(self._bot, str(guild_id), digest.channel_id)
            may_embed = permissions is None or permissions.embed_links
            pages = [message] if may_embed else write_embeds_as_text([message])
            for n, page in enumerate(pages):
                nonce = f"g{digest.workspace_id}-{digest.due_at.timestamp():.0f}-{n}"[:25]
                await channel.send(**build_send_arguments(page), nonce=nonce, allowed_mentions=NO_MENTIONS)

    async def _is_posted(
        self, channel: discord.PartialMessageable, message: OutgoingMessage, since: dt.datetime
    ) -> bool:
        """Return whether a process that ended after it posted the digest has done so."""
        title = str(message.embeds[0].title)
        try:
            messages = channel.history(limit=HISTORY_LIMIT, after=since)
            history = [found async for found in messages if found.author == self._bot.user]
        except discord.Forbidden:  # without the permission, posting twice is better than never
            return False
        return any(title in {embed.title for embed in found.embeds} or title in found.content for found in history)

    async def _notify_manager(self, digest: DueDigest) -> None:
        if not digest.user_id:  # the person was erased
            return
        message = render_digest_failure(digest.channel_id, texts_for(digest.locale))
        try:
            async with send_errors():
                channel = await self._bot.create_dm(discord.Object(int(digest.user_id)))
                nonce = f"h{digest.workspace_id}-{digest.due_at.timestamp():.0f}"[:25]
                await channel.send(message.content, nonce=nonce, allowed_mentions=NO_MENTIONS)
        except SendError as failure:
            log.info("manager not notified of a digest", error=str(failure))

    def _open_channels(self, guild_id: int, channel_id: str) -> frozenset[str]:
        """Return the channels whose questions the readers of the digest can read anyway."""
        guild = self._bot.get_guild(guild_id)
        channels = guild.channels if guild is not None else []
        readable = {
            str(each.id)
            for each in channels
            if guild is not None and each.permissions_for(guild.default_role).view_channel
        }
        return frozenset(readable | {channel_id})

    async def _query(self, work: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, partial(work, *args))

    # --------------------------------------------------------------------------------- blocking, called on a thread

    def _claim(self, servers: list[str]) -> DueDigest | None:
        with self._database.system() as session:
            return digests.claim(session, str(self._bot.application_id), servers)

    def _finish(self, digest: DueDigest, error: str | None) -> None:
        with self._database.system() as session:
            digests.finish(session, digest, error)

    def _render(self, digest: DueDigest, channels: frozenset[str]) -> OutgoingMessage:
        with self._database.tenant(digest.workspace_id) as session:
            (week,) = activity.summarize(session, digest.workspace_id, [DAYS])
            questions = gaps.list_questions(session, digest.workspace_id, days=DAYS)
        visible = [question for question in questions if not question.private and question.channel in channels]
        return render_digest(week, gaps.group(visible), texts_for(digest.locale))
