"""A server, its channels and interactions, built by discord.py from payloads without a connection."""

from __future__ import annotations

from typing import Any

import discord

GUILD = 100
EVERYONE = GUILD
STAFF = 110
OWNER, ANNA = 201, 202
GENERAL, BOARD, VOICE, FORUM, THREAD, BOARD_THREAD, PRIVATE_THREAD = 301, 302, 303, 304, 401, 402, 403
BOT = 900
VIEW = 1 << 10
CONNECT = 1 << 20
MANAGE = 1 << 5
TALK = VIEW | (1 << 11) | (1 << 16)


def client() -> discord.Client:
    """Return a client that has received one server: `general` for all, `board` for staff, a voice channel, threads."""
    bot = discord.Client(intents=discord.Intents(guilds=True))
    state = bot._connection
    state.user = discord.ClientUser(state=state, data=_user(BOT, "refdesk"))  # type: ignore[arg-type]
    state.application_id = BOT
    state._add_guild(discord.Guild(data=_guild(), state=state))  # type: ignore[arg-type]
    return bot


def interaction(
    bot: discord.Client,
    *,
    user: int = ANNA,
    roles: tuple[int, ...] = (),
    channel: int = GENERAL,
    guild: int | None = GUILD,
    permissions: int = TALK,
    app_permissions: int = TALK,
    locale: str = "en-US",
    **more: Any,
) -> discord.Interaction:
    """Return an interaction of a user in a channel, or in direct messages if `guild` is None."""
    data: dict[str, Any] = {
        "id": "5000",
        "application_id": str(BOT),
        "type": 2,
        "token": "a token",
        "version": 1,
        "locale": locale,
        "app_permissions": str(app_permissions),
        "attachment_size_limit": 10 << 20,
        "authorizing_integration_owners": {"0": str(guild or 0)},
        "context": 0 if guild else 1,
        "entitlements": [],
        "data": {"id": "1", "name": "ask", "type": 1},
    }
    if guild is None:
        data["user"] = _user(user, "member")
        data["channel"] = {"id": str(channel), "type": 1}
    else:
        data["guild_id"] = str(guild)
        data["guild"] = {"id": str(guild), "locale": "en-US", "features": []}
        data["channel"] = _channel(channel)
        data["member"] = _member(user, roles) | {"permissions": str(permissions)}
    return discord.Interaction(data=data | more, state=bot._connection)  # type: ignore[arg-type]


def _guild() -> dict[str, Any]:
    return {
        "id": str(GUILD),
        "name": "Club",
        "owner_id": str(OWNER),
        "preferred_locale": "en-US",
        "features": [],
        "emojis": [],
        "stickers": [],
        "verification_level": 0,
        "default_message_notifications": 0,
        "explicit_content_filter": 0,
        "mfa_level": 0,
        "nsfw_level": 0,
        "premium_tier": 0,
        "system_channel_flags": 0,
        "afk_timeout": 300,
        "roles": [_role(EVERYONE, "@everyone", TALK | CONNECT), _role(STAFF, "staff", 0)],
        "channels": [_channel(number) for number in (GENERAL, BOARD, VOICE, FORUM)],
        "threads": [_channel(number) for number in (THREAD, BOARD_THREAD, PRIVATE_THREAD)],
        "members": [_member(BOT, ())],
    }


def _channel(number: int) -> dict[str, Any]:
    staff_only = [_overwrite(EVERYONE, deny=VIEW), _overwrite(STAFF, allow=VIEW)]
    properties: dict[int, dict[str, Any]] = {
        GENERAL: {"type": 0, "name": "general"},
        BOARD: {"type": 0, "name": "board", "permission_overwrites": staff_only},
        VOICE: {
            "type": 2,
            "name": "voice",
            "bitrate": 64000,
            "user_limit": 0,
            "permission_overwrites": [_overwrite(EVERYONE, deny=CONNECT)],
        },
        FORUM: {"type": 15, "name": "forum"},
        THREAD: _thread(GENERAL, 11),
        BOARD_THREAD: _thread(BOARD, 11),
        PRIVATE_THREAD: _thread(GENERAL, 12),
    }
    return {"id": str(number), "guild_id": str(GUILD), "position": 0, "permission_overwrites": []} | properties[number]


def _thread(parent: int, kind: int) -> dict[str, Any]:
    meta = {"archived": False, "auto_archive_duration": 60, "archive_timestamp": "2026-11-22T00:00:00+00:00"}
    return {
        "type": kind,
        "name": "thread",
        "parent_id": str(parent),
        "owner_id": str(ANNA),
        "message_count": 0,
        "member_count": 1,
        "rate_limit_per_user": 0,
        "thread_metadata": meta | {"locked": False},
    }


def _overwrite(role: int, *, allow: int = 0, deny: int = 0) -> dict[str, Any]:
    return {"id": str(role), "type": 0, "allow": str(allow), "deny": str(deny)}


def _role(number: int, name: str, permissions: int) -> dict[str, Any]:
    plain = {"color": 0, "colors": {"primary_color": 0}, "hoist": False, "managed": False, "mentionable": False}
    return plain | {"id": str(number), "name": name, "permissions": str(permissions), "position": 0, "flags": 0}


def _member(user: int, roles: tuple[int, ...]) -> dict[str, Any]:
    return {
        "user": _user(user, "member"),
        "roles": [str(role) for role in roles],
        "joined_at": "2026-01-01T00:00:00+00:00",
        "deaf": False,
        "mute": False,
        "flags": 0,
    }


def _user(number: int, name: str) -> dict[str, Any]:
    return {"id": str(number), "username": name, "discriminator": "0", "avatar": None, "global_name": None}
