"""The servers that a user shares with the bot: questions about their documents can be asked in direct messages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from time import monotonic

import discord
import structlog

from bot.interactions.context import with_channels_of
from bot.services.refusals import Refusal
from bot.services.request_context import RequestContext

log = structlog.get_logger(__name__)

MAX_CHECKED = 100
"""Servers of the bot in which the user is looked up, with one request to Discord for each."""
CONCURRENCY = 10
TIMEOUT_S = 5.0
"""Maximum time for all look-ups; servers that were not checked by then are not offered."""
CACHE_TTL_S = 300.0
MAX_CACHED = 10_000


class SharedServers:
    """Looks up memberships by requests, because without the members intent the bot does not know who is a member."""

    def __init__(self, bot: discord.Client) -> None:
        """Bind to a client; only the servers of its shards are known."""
        self._bot = bot
        self._cache: dict[tuple[int, int], tuple[float, bool]] = {}

    async def find(self, user_id: int, allows: Callable[[discord.Guild], bool]) -> list[discord.Guild]:
        """Return the servers in which the user may use the bot, by name; others than `allows` are not looked up."""
        slots = asyncio.Semaphore(CONCURRENCY)
        found: list[discord.Guild] = []

        async def check(guild: discord.Guild) -> None:
            async with slots:
                if await self._may_use(guild, user_id):
                    found.append(guild)

        try:
            async with asyncio.timeout(TIMEOUT_S):
                await asyncio.gather(*map(check, [guild for guild in self._bot.guilds if allows(guild)][:MAX_CHECKED]))
        except TimeoutError:
            log.warning("not all servers were checked in time", servers=len(self._bot.guilds))
        return sorted(found, key=lambda guild: guild.name.casefold())

    async def _may_use(self, guild: discord.Guild, user_id: int) -> bool:
        key, now = (guild.id, user_id), monotonic()
        checked_at, allowed = self._cache.get(key, (-CACHE_TTL_S, False))
        if now - checked_at < CACHE_TTL_S:
            return allowed
        try:
            allowed = _may_use_commands(await guild.fetch_member(user_id))
        except discord.NotFound:
            allowed = False
        except (discord.HTTPException, discord.RateLimited) as error:
            log.info("membership unknown", error=type(error).__name__)
            return False
        if len(self._cache) >= MAX_CACHED:
            self._cache.clear()
        self._cache[key] = (now, allowed)
        return allowed


async def context_in_server(context: RequestContext, guild: discord.Guild | None) -> RequestContext:
    """Build the request context of a user of direct messages as a member of a server, by the rights of this moment.

    Args:
        context: The request context of the direct messages.
        guild: The server; None if the bot is not a member of it any more.

    Raises:
        Refusal: The bot or the user is not a member of the server, or the user may not use commands there.
    """
    if guild is None:
        raise Refusal("refusal-not-on-server")
    try:
        member = await guild.fetch_member(int(context.user_id))
    except discord.NotFound:
        raise Refusal("refusal-not-on-server") from None
    if not _may_use_commands(member):
        raise Refusal("refusal-not-on-server")
    permissions = member.guild_permissions
    context = replace(
        context,
        guild_id=str(guild.id),
        from_direct_messages=True,
        guild_roles=frozenset(str(role.id) for role in guild.roles),
        manager=permissions.manage_guild,
        role_ids=frozenset(str(role.id) for role in member.roles),
    )
    return await with_channels_of(context, guild, member)


def _may_use_commands(member: discord.Member) -> bool:
    # New members that have not accepted the rules yet, and members in timeout, cannot use commands in the server.
    return not member.pending and not member.is_timed_out() and member.guild_permissions.use_application_commands
