"""Discord's permission bits, and the permissions of a member by roles and overwrites."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tests.fake_discord.model import Channel, Guild, User

BITS: Final = {
    "kick_members": 1 << 1,
    "ban_members": 1 << 2,
    "administrator": 1 << 3,
    "manage_channels": 1 << 4,
    "manage_guild": 1 << 5,
    "add_reactions": 1 << 6,
    "view_channel": 1 << 10,
    "send_messages": 1 << 11,
    "send_tts_messages": 1 << 12,
    "manage_messages": 1 << 13,
    "embed_links": 1 << 14,
    "attach_files": 1 << 15,
    "read_message_history": 1 << 16,
    "mention_everyone": 1 << 17,
    "use_external_emojis": 1 << 18,
    "manage_roles": 1 << 28,
    "manage_webhooks": 1 << 29,
    "use_application_commands": 1 << 31,
    "manage_threads": 1 << 34,
    "create_public_threads": 1 << 35,
    "create_private_threads": 1 << 36,
    "send_messages_in_threads": 1 << 38,
    "use_external_apps": 1 << 50,
    "bypass_slowmode": 1 << 52,
}
ALL_PERMISSIONS: Final = (1 << 53) - 1
MEMBER_PERMISSIONS: Final = (
    "add_reactions",
    "view_channel",
    "send_messages",
    "embed_links",
    "attach_files",
    "read_message_history",
    "use_external_emojis",
    "use_application_commands",
    "create_public_threads",
    "send_messages_in_threads",
    "use_external_apps",
)
DM_PERMISSIONS: Final = (
    "view_channel",
    "send_messages",
    "embed_links",
    "attach_files",
    "read_message_history",
    "add_reactions",
)


def permission_bits(*names: str) -> int:
    """Combine permissions by their discord.py names."""
    total = 0
    for name in names:
        if name not in BITS:
            raise ValueError(f"The fake knows no permission {name!r}; it knows {', '.join(BITS)}.")
        total |= BITS[name]
    return total


def guild_permissions(guild: Guild, user: User) -> int:
    """Return a member's permissions in the guild, before channel overwrites."""
    if user.id == guild.owner.id:
        return ALL_PERMISSIONS
    total = guild.everyone.permissions
    for role in guild.roles_of(user):
        total |= role.permissions
    return ALL_PERMISSIONS if total & BITS["administrator"] else total


def channel_permissions(channel: Channel, user: User) -> int:
    """Return a user's permissions in a channel; 0 for non-members."""
    guild = channel.guild
    if guild is None:
        return permission_bits(*DM_PERMISSIONS) if user in channel.recipients or user.bot else 0
    if user.id not in guild.members:
        return 0
    total = guild_permissions(guild, user)
    if total == ALL_PERMISSIONS:
        return ALL_PERMISSIONS
    place = channel.parent if channel.is_thread and channel.parent else channel
    total = _apply_overwrites(total, place, {guild.id})
    total = _apply_overwrites(total, place, {role.id for role in guild.roles_of(user)})
    total = _apply_overwrites(total, place, {user.id})
    return total if total & BITS["view_channel"] else 0


def _apply_overwrites(total: int, channel: Channel, ids: set[int]) -> int:
    allow = deny = 0
    for target, (allowed, denied) in channel.overwrites.items():
        if target in ids:
            allow |= allowed
            deny |= denied
    return (total & ~deny) | allow


def has_permissions(channel: Channel, user: User, *names: str) -> bool:
    """Return whether a user has all named permissions in a channel."""
    wanted = permission_bits(*names)
    return channel_permissions(channel, user) & wanted == wanted
