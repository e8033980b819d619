"""The contents of messages, including forwarded ones, and messages that a link names."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

import discord

from bot.services.refusals import Refusal

FETCH_TIMEOUT_S = 2.0
"""Maximum time to fetch a message, because Discord expects the acknowledgement of an interaction within 3 s."""

_MESSAGE_LINK = re.compile(
    r"<?https?://(?:(?:www|ptb|canary)\.)?discord(?:app)?\.com/channels/"
    r"(?P<guild>\d{1,20}|@me)/(?P<channel>\d{1,20})(?:/(?P<message>\d{1,20}))?/?(?:[?#][^\s<>]*)?>?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class MessageContents:
    """The files and the text of a message; of a forward, those of the forwarded message."""

    attachments: tuple[discord.Attachment, ...]
    text: str


@dataclass(frozen=True, slots=True)
class MessageLink:
    """The IDs in a link to a message."""

    guild_id: str
    """`@me` for direct messages."""
    channel_id: int
    message_id: int | None
    """None for a link to a channel."""


def read_contents(message: discord.Message) -> MessageContents:
    """Return the contents of a message. Discord puts those of a forward into snapshots and leaves the message empty."""
    sources = (message, *getattr(message, "message_snapshots", ()))
    attachments = [attachment for source in sources for attachment in source.attachments]
    texts = [source.content.strip() for source in sources if source.content.strip()]
    return MessageContents(tuple(attachments), "\n\n".join(texts))


def parse_message_link(link: str) -> MessageLink | None:
    """Return the IDs in a link to a message or channel of Discord; None for any other link."""
    match = _MESSAGE_LINK.fullmatch(link.strip())
    if match is None:
        return None
    return MessageLink(match["guild"], int(match["channel"]), int(match["message"]) if match["message"] else None)


async def fetch_linked_message(interaction: discord.Interaction, link: MessageLink) -> discord.Message:
    """Fetch the message that a link names, if both the user and the bot can read it.

    Only messages of this server are fetched: in other places the bot cannot tell what the user may read.

    Raises:
        Refusal: The message is elsewhere, does not exist, or the user or the bot cannot read it.
    """
    if link.message_id is None:
        raise Refusal("refusal-channel-link")
    if interaction.guild_id is None or link.guild_id != str(interaction.guild_id):
        raise Refusal("refusal-message-elsewhere")
    try:
        async with asyncio.timeout(FETCH_TIMEOUT_S):
            channel = await _find_channel(interaction, link.channel_id)
            if not await _may_read(channel, interaction):
                raise Refusal("refusal-message-hidden")
            message = await channel.fetch_message(link.message_id)
    except discord.Forbidden:
        raise Refusal("refusal-message-unreadable") from None
    except discord.NotFound:
        raise Refusal("refusal-message-hidden") from None  # does not reveal whether it exists
    except TimeoutError:
        raise Refusal("refusal-message-timeout") from None
    contents = read_contents(message)
    if not contents.attachments and not contents.text:
        # Without the message content intent, Discord leaves out the contents of messages of other users.
        raise Refusal("refusal-message-empty")
    return message


async def _find_channel(
    interaction: discord.Interaction, channel_id: int
) -> discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.Thread:
    guild = interaction.client.get_guild(interaction.guild_id or 0)
    if guild is None:
        raise Refusal("refusal-message-elsewhere")
    channel = guild.get_channel_or_thread(channel_id) or await guild.fetch_channel(channel_id)
    if not isinstance(channel, discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.Thread):
        raise Refusal("refusal-channel-link")
    return channel


async def _may_read(channel: discord.abc.GuildChannel | discord.Thread, interaction: discord.Interaction) -> bool:
    """Return whether the user can read the messages of a channel."""
    member = interaction.user
    if not isinstance(member, discord.Member):
        return False
    permissions = channel.permissions_for(member)
    if not (permissions.view_channel and permissions.read_message_history):
        return False
    if isinstance(channel, discord.VoiceChannel | discord.StageChannel):
        return permissions.connect
    if isinstance(channel, discord.Thread) and channel.is_private() and not permissions.manage_threads:
        return await _is_in_thread(channel, member)
    return True


async def _is_in_thread(thread: discord.Thread, member: discord.Member) -> bool:
    try:
        await thread.fetch_member(member.id)
    except discord.NotFound:
        return False
    return True
