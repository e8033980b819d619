"""Who asks, where, and what follows from it: the workspace, what may be seen, and what a person may do.

Everything here is computed from what came with the interaction and from the cached server; nothing is asked of Discord.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import discord

from bot.locales.texts import texts_for
from db.deliveries import Delivery
from db.workspace_settings import WorkspaceSettings

GuildChannel = discord.abc.GuildChannel

AT_ONCE = 25
"""Channels looked at before others get their turn."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One person in one channel at one moment."""

    application_id: str
    user_id: str
    channel_id: str
    guild_id: str | None = None
    """The server, where the bot is a member of it; elsewhere the person's own library is used."""
    parent_id: str | None = None
    """The channel that a thread belongs to."""
    private_thread: bool = False
    manager: bool = True
    role_ids: frozenset[str] = frozenset()
    locale: str = "en-US"
    reachable: bool = False
    """Whether the bot can edit a message here with its own token."""
    open_to_all: bool = False
    """Whether everybody on the server can view this channel."""
    readable: tuple[str, ...] = ()
    """The channels this person can view now; left empty where nobody asked for them."""
    existing: tuple[str, ...] = ()
    """All channels and open threads of the server, likewise."""

    @property
    def workspace(self) -> str:
        """The key of the workspace: a server's library, or the person's own."""
        return f"user:{self.user_id}" if self.guild_id is None else f"guild:{self.guild_id}"

    @property
    def audience(self) -> str:
        """The channel whose people read what is posted here: a public thread counts as its parent."""
        return self.parent_id if self.parent_id and not self.private_thread else self.channel_id

    @property
    def public_channels(self) -> tuple[str, ...]:
        """Channels whose documents a public answer may use: this one, and a thread's parent."""
        return tuple(dict.fromkeys((self.channel_id, *([self.parent_id] if self.parent_id else []))))

    @property
    def private_channels(self) -> tuple[str, ...]:
        """Channels whose documents only this person gets to see."""
        return tuple(dict.fromkeys((*self.readable, *self.public_channels)))

    def visible_to(self, visible: str | None) -> tuple[str, ...] | None:
        """Give the scope of a new document for a choice of `server`, `channel` or none; None is the whole library."""
        if self.guild_id is None or visible == "server" or (visible is None and self.open_to_all):
            return None
        return (self.audience,)

    def may_see(self, channels: Sequence[str] | None) -> bool:
        """Whether this person may see a document of this scope in a private message."""
        return channels is None or self.guild_id is None or not set(channels).isdisjoint(self.private_channels)

    def may_change(self, owner: str) -> bool:
        """Whether this person may delete or replace a document, or cancel or retry a job, of that owner."""
        return self.manager or owner == self.user_id

    def may_add(self, settings: WorkspaceSettings) -> bool:
        """Whether this person may add documents here."""
        if self.manager or settings.ingest_by in {None, "everyone"}:
            return True
        return settings.ingest_by == "role" and settings.ingest_role in self.role_ids

    def may_answer_publicly(self, settings: WorkspaceSettings) -> bool:
        """Whether an answer may be public in this channel."""
        chosen = settings.public_channels
        return self.guild_id is None or not chosen or not set(chosen).isdisjoint(self.public_channels)

    def may_read(self, requester: str, delivery: Delivery | None) -> bool:
        """Whether this person may read an answer: one's own everywhere, anybody's public one in its channel."""
        if requester == self.user_id:
            return True
        return delivery is not None and not delivery.private and delivery.channel_id == self.channel_id


def place_of(interaction: discord.Interaction) -> RequestContext:
    """Say who asks and where, from an interaction."""
    guild = None if interaction.guild_id is None else interaction.client.get_guild(interaction.guild_id)
    channel = interaction.channel
    place = RequestContext(
        application_id=str(interaction.application_id),
        user_id=str(interaction.user.id),
        channel_id=str(interaction.channel_id or 0),
        locale=str(interaction.locale),
        reachable=interaction.context.dm_channel,
    )
    if guild is None or not isinstance(interaction.user, discord.Member):
        return place
    permissions = interaction.permissions
    return replace(
        _in_guild(place, guild, channel),
        manager=permissions.manage_guild or permissions.administrator,
        role_ids=frozenset(str(role.id) for role in interaction.user.roles),
        reachable=interaction.app_permissions.view_channel,
    )


def place_of_message(message: discord.Message, bot: discord.Client) -> RequestContext:
    """Say who wrote a message and where; its language is the server's, as messages name none of their own."""
    guild = message.guild
    place = RequestContext(
        application_id=str(bot.application_id),
        user_id=str(message.author.id),
        channel_id=str(message.channel.id),
        reachable=True,
    )
    if guild is None or not isinstance(message.author, discord.Member):
        return place
    return replace(
        _in_guild(place, guild, message.channel),
        manager=message.author.guild_permissions.manage_guild,
        role_ids=frozenset(str(role.id) for role in message.author.roles),
        locale=str(guild.preferred_locale),
    )


async def seeing(place: RequestContext, bot: discord.Client, member: discord.abc.User) -> RequestContext:
    """Add the channels this person can view at this moment, by roles and overwrites as Discord sent them."""
    guild = None if place.guild_id is None else bot.get_guild(int(place.guild_id))
    if guild is None or not isinstance(member, discord.Member):
        return place
    readable = []
    for n, channel in enumerate(guild.channels, start=1):
        if _can_read(channel, member):
            readable.append(str(channel.id))
        if n % AT_ONCE == 0:
            # In a server of 500 channels this takes 20 ms, and somebody else may wait for a first answer.
            await asyncio.sleep(0)
    existing = tuple(str(each.id) for each in (*guild.channels, *guild.threads))
    return replace(place, readable=tuple(readable), existing=existing)


def _in_guild(place: RequestContext, guild: discord.Guild, channel: object) -> RequestContext:
    thread = channel if isinstance(channel, discord.Thread) else None
    home = guild.get_channel(thread.parent_id) if thread is not None else channel
    private_thread = thread is not None and thread.is_private()
    return replace(
        place,
        guild_id=str(guild.id),
        parent_id=str(thread.parent_id) if thread is not None else None,
        private_thread=private_thread,
        open_to_all=not private_thread and isinstance(home, GuildChannel) and _open_to_all(home, guild),
    )


def _open_to_all(channel: GuildChannel, guild: discord.Guild) -> bool:
    # A server that is not there yet (right after the connection) has no roles: then nothing counts as open.
    everyone = guild.get_role(guild.id)
    return everyone is not None and channel.permissions_for(everyone).view_channel


def _can_read(channel: GuildChannel, member: discord.Member) -> bool:
    if isinstance(channel, discord.CategoryChannel):
        return False
    permissions = channel.permissions_for(member)
    spoken = isinstance(channel, discord.VoiceChannel | discord.StageChannel)
    return permissions.view_channel and (permissions.connect or not spoken)


def language_of(place: RequestContext) -> str:
    """Name the catalogue in which this person is spoken to."""
    return texts_for(place.locale).language
