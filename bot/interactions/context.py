"""Build the request context of an interaction or a message.

Everything is computed from the interaction's payload and the cached server; nothing is requested from Discord.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace

import discord

from bot.services.request_context import RequestContext

GuildChannel = discord.abc.GuildChannel

CHANNELS_PER_STEP = 25
"""Channels checked before other tasks of the event loop run."""


def context_of(interaction: discord.Interaction) -> RequestContext:
    """Build the request context of an interaction, without the channels that the user can view."""
    guild = None if interaction.guild_id is None else interaction.client.get_guild(interaction.guild_id)
    channel = interaction.channel
    context = RequestContext(
        application_id=str(interaction.application_id),
        user_id=str(interaction.user.id),
        channel_id=str(interaction.channel_id or 0),
        locale=str(interaction.locale),
        reachable=interaction.context.dm_channel,
    )
    if guild is None or not isinstance(interaction.user, discord.Member):
        return context
    permissions = interaction.permissions
    return replace(
        _in_guild(context, guild, channel),
        manager=permissions.manage_guild or permissions.administrator,
        role_ids=frozenset(str(role.id) for role in interaction.user.roles),
        reachable=interaction.app_permissions.view_channel,
    )


def context_of_message(message: discord.Message, application_id: int | None) -> RequestContext:
    """Build the request context of a message. Messages carry no locale, so the server's is used."""
    guild = message.guild
    context = RequestContext(
        application_id=str(application_id),
        user_id=str(message.author.id),
        channel_id=str(message.channel.id),
        reachable=True,
    )
    if guild is None or not isinstance(message.author, discord.Member):
        return context
    return replace(
        _in_guild(context, guild, message.channel),
        manager=message.author.guild_permissions.manage_guild,
        role_ids=frozenset(str(role.id) for role in message.author.roles),
        locale=str(guild.preferred_locale),
    )


async def load_context(interaction: discord.Interaction) -> RequestContext:
    """Build the request context of an interaction, with the channels that the user can view now."""
    return await with_visible_channels(context_of(interaction), interaction.client, interaction.user)


async def with_visible_channels(
    context: RequestContext, bot: discord.Client, member: discord.abc.User
) -> RequestContext:
    """Add the channels that the user can view now, by the roles and overwrites in the cached server."""
    guild = None if context.guild_id is None else bot.get_guild(int(context.guild_id))
    if guild is None or not isinstance(member, discord.Member):
        return context
    return await with_channels_of(context, guild, member)


async def with_channels_of(context: RequestContext, guild: discord.Guild, member: discord.Member) -> RequestContext:
    """Add the channels of a server that a member can view now."""
    viewable = []
    for n, channel in enumerate(guild.channels, start=1):
        if _can_read(channel, member):
            viewable.append(str(channel.id))
        if n % CHANNELS_PER_STEP == 0:
            # 500 channels take 20 ms, and another interaction may be waiting to be acknowledged.
            await asyncio.sleep(0)
    guild_channels = tuple(str(each.id) for each in (*guild.channels, *guild.threads))
    return replace(context, viewable_channels=tuple(viewable), guild_channels=guild_channels)


def find_open_channels(interaction: discord.Interaction, channel_ids: Collection[str]) -> set[str]:
    """Return those of the channels that every member of the server can view now."""
    guild = interaction.guild
    channels = [guild.get_channel(int(each)) for each in channel_ids if each.isdigit()] if guild is not None else []
    return {str(each.id) for each in channels if guild is not None and each is not None and _open_to_all(each, guild)}


def _in_guild(context: RequestContext, guild: discord.Guild, channel: object) -> RequestContext:
    thread = channel if isinstance(channel, discord.Thread) else None
    parent = guild.get_channel(thread.parent_id) if thread is not None else channel
    private_thread = thread is not None and thread.is_private()
    return replace(
        context,
        guild_id=str(guild.id),
        parent_id=str(thread.parent_id) if thread is not None else None,
        private_thread=private_thread,
        guild_roles=frozenset(str(role.id) for role in guild.roles),
        open_to_all=not private_thread and isinstance(parent, GuildChannel) and _open_to_all(parent, guild),
    )


def _open_to_all(channel: GuildChannel, guild: discord.Guild) -> bool:
    # Right after connecting, a server may not have its roles yet. Then no channel counts as open.
    everyone = guild.get_role(guild.id)
    return everyone is not None and channel.permissions_for(everyone).view_channel


def _can_read(channel: GuildChannel, member: discord.Member) -> bool:
    if isinstance(channel, discord.CategoryChannel):
        return False
    permissions = channel.permissions_for(member)
    is_voice = isinstance(channel, discord.VoiceChannel | discord.StageChannel)
    return permissions.view_channel and (permissions.connect or not is_voice)
