"""Payloads of users, guilds, roles, channels and files; IDs are strings, absent fields are not null."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.fake_discord import permissions
from tests.fake_discord.clock import format_timestamp
from tests.fake_discord.model import Attachment, Channel, Guild, Role, User

if TYPE_CHECKING:
    from tests.fake_discord.world import World

JOINED_AT: Final = "2024-01-01T00:00:00.000000+00:00"
Json = dict[str, Any]


def remove_nulls(part: Any) -> Any:
    """Remove null values recursively: what the bot sent as null is returned as absent."""
    if isinstance(part, dict):
        return {key: remove_nulls(value) for key, value in part.items() if value is not None}
    return [remove_nulls(one) for one in part] if isinstance(part, list) else part


def user_json(user: User) -> Json:
    """Build a user payload."""
    return {
        "id": str(user.id),
        "username": user.name,
        "global_name": None if user.bot else user.name.title(),
        "avatar": None,
        "discriminator": "0000" if user.bot else "0",
        "public_flags": 0,
        "flags": 0,
        "bot": user.bot,
        "avatar_decoration_data": None,
        "collectibles": None,
        "primary_guild": None,
    }


def member_json(guild: Guild, user: User, *, with_user: bool = True) -> Json:
    """Build a member payload."""
    member: Json = {
        "avatar": None,
        "banner": None,
        "communication_disabled_until": None,
        "flags": 0,
        "joined_at": JOINED_AT,
        "nick": None,
        "pending": False,
        "premium_since": None,
        "roles": [str(role) for role in sorted(guild.members.get(user.id, ()))],
        "mute": False,
        "deaf": False,
    }
    return {**member, "user": user_json(user)} if with_user else member


def role_json(role: Role, bot_id: int | None = None) -> Json:
    """Build a role payload; the bot's role has a tag."""
    tags = {"tags": {"bot_id": str(bot_id)}} if role.managed and bot_id else {}
    return {
        "id": str(role.id),
        "name": role.name,
        "permissions": str(role.permissions),
        "position": role.position,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "managed": role.managed,
        "mentionable": role.mentionable,
        "icon": None,
        "unicode_emoji": None,
        "flags": 0,
        **tags,
    }


def channel_json(world: World, channel: Channel) -> Json:
    """Build the payload of a channel, thread or direct message channel."""
    last = max((m.id for m in channel.messages), default=None)
    common: Json = {
        "id": str(channel.id),
        "type": channel.type,
        "flags": 0,
        "last_message_id": str(last) if last else None,
    }
    if channel.guild is None:
        return {**common, "recipients": [user_json(user) for user in channel.recipients]}
    common |= {"guild_id": str(channel.guild.id), "name": channel.name}
    common["parent_id"] = str(channel.parent.id) if channel.parent else None
    if channel.is_thread:
        return common | _thread_fields(world, channel)
    return {
        **common,
        "position": list(channel.guild.channels).index(channel.id) if channel.id in channel.guild.channels else 0,
        "permission_overwrites": [
            {
                "id": str(target),
                "type": 0 if target in channel.guild.roles or target == channel.guild.id else 1,
                "allow": str(allow),
                "deny": str(deny),
            }
            for target, (allow, deny) in channel.overwrites.items()
        ],
        "nsfw": False,
        "rate_limit_per_user": 0,
        "topic": channel.topic,
    }


def _thread_fields(world: World, thread: Channel) -> Json:
    count = sum(1 for message in thread.messages if message.id != thread.id)
    return {
        "owner_id": str(thread.owner.id if thread.owner else 0),
        "rate_limit_per_user": 0,
        "message_count": count,
        "total_message_sent": count,
        "member_count": len(thread.thread_members),
        "thread_metadata": {
            "archived": thread.is_archived(world.clock.now()),
            "archive_timestamp": format_timestamp(thread.active_at),
            "auto_archive_duration": thread.auto_archive_minutes,
            "locked": thread.locked,
            "create_timestamp": JOINED_AT,
        },
    }


def guild_json(world: World, guild: Guild) -> Json:
    """Build the guild payload of the REST API."""
    nothing = (
        "icon description home_header splash discovery_splash banner afk_channel_id system_channel_id "
        "widget_channel_id max_presences vanity_url_code rules_channel_id safety_alerts_channel_id "
        "public_updates_channel_id application_id incidents_data premium_progress_bar_enabled_user_updated_at"
    )
    zero = (
        "system_channel_flags verification_level default_message_notifications mfa_level explicit_content_filter "
        "premium_tier premium_subscription_count nsfw_level"
    )
    return {
        **dict.fromkeys(nothing.split()),
        **dict.fromkeys(zero.split(), 0),
        "id": str(guild.id),
        "name": guild.name,
        "owner_id": str(guild.owner.id),
        "region": "deprecated",
        "afk_timeout": 300,
        "widget_enabled": False,
        "premium_progress_bar_enabled": False,
        "nsfw": False,
        "max_members": 500000,
        "max_stage_video_channel_users": 50,
        "max_video_channel_users": 25,
        "features": [],
        "emojis": [],
        "stickers": [],
        "preferred_locale": guild.locale,
        "roles": [role_json(role, world.bot.id) for role in [guild.everyone, *guild.roles.values()]],
    }


def guild_create_json(world: World, guild: Guild) -> Json:
    """Build the payload of GUILD_CREATE: channels, threads, and, without the members intent, only the bot as member."""
    threads = [
        channel_json(world, thread)
        for thread in list(world.channels.values())
        if thread.guild is guild and thread.is_thread and not thread.is_archived(world.clock.now())
        if permissions.has_permissions(thread, world.bot, "view_channel")
    ]
    return guild_json(world, guild) | {
        "joined_at": JOINED_AT,
        "large": False,
        "unavailable": False,
        "member_count": len(guild.members),
        "members": [member_json(guild, world.bot)],
        "channels": [channel_json(world, channel) for channel in guild.channels.values()],
        "threads": threads,
        **{key: [] for key in ("presences", "voice_states", "stage_instances", "guild_scheduled_events")},
        "soundboard_sounds": [],
    }


def attachment_json(world: World, file: Attachment) -> Json:
    """Build an attachment payload with a URL that is valid for a day."""
    address = world.attachment_url(file)
    found: Json = {
        "id": str(file.id),
        "filename": file.filename,
        "size": len(file.data),
        "url": address,
        "proxy_url": address,
        "content_type": file.content_type,
    }
    if file.content_type.startswith("image/"):
        found |= {"width": 640, "height": 480}
    if file.description:
        found["description"] = file.description
    if file.title:
        found["title"] = file.title
    if file.ephemeral:
        found["ephemeral"] = True
    return found
