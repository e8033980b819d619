"""Routes for the bot's account, gateway, users, guilds, members and roles."""

from __future__ import annotations

from typing import Any

from tests.fake_discord import permissions
from tests.fake_discord.errors import ApiError
from tests.fake_discord.model import Guild
from tests.fake_discord.payloads import channel_json, guild_json, member_json, role_json, user_json
from tests.fake_discord.routing import Call, Reply, Route


def me(call: Call) -> Reply:
    """Answer with the bot's own account."""
    world = call.world
    return Reply(200, user_json(world.bot) | {"mfa_enabled": True, "locale": "en-US", "verified": True, "email": None})


def application(call: Call) -> Reply:
    """Answer with the application."""
    world = call.world
    owner = next((user for user in world.users.values() if not user.bot), world.bot)
    nothing = "icon interactions_endpoint_url role_connections_verification_url event_webhooks_url team"
    body: dict[str, Any] = {
        **dict.fromkeys(nothing.split()),
        "id": str(world.application_id),
        "name": world.bot.name.title(),
        "description": "",
        "type": None,
        "bot": user_json(world.bot),
        "bot_public": True,
        "bot_require_code_grant": False,
        "integration_types_config": {"0": {}, "1": {}},
        "verify_key": "0" * 64,
        "flags": world.application_flags,
        "flags_new": str(world.application_flags),
        "redirect_uris": [],
        "owner": user_json(owner),
        "approximate_guild_count": len(world.guilds),
        "approximate_user_install_count": sum(user.installed_app for user in world.users.values()),
        "approximate_user_authorization_count": 0,
        "explicit_content_filter": 0,
        "eligible_oauth2_scopes": [],
        "event_webhooks_status": 1,
        "tags": [],
    }
    return Reply(200, body)


def gateway(call: Call) -> Reply:
    """Answer with the address of the gateway."""
    return Reply(200, {"url": call.world.ws_url("/gateway")})


def gateway_bot(call: Call) -> Reply:
    """Answer with the address of the gateway, the number of shards and what is left of the day's identifies."""
    state = call.world.gateway
    limit = {"total": 1000, "remaining": 1000 - state.identifies, "reset_after": 14_400_000, "max_concurrency": 1}
    return Reply(200, {"url": call.world.ws_url("/gateway"), "shards": state.shards, "session_start_limit": limit})


def user(call: Call) -> Reply:
    """Answer with any account."""
    found = call.world.users.get(call.number("user_id"))
    if found is None:
        raise ApiError(10013)
    return Reply(200, user_json(found))


def my_guilds(call: Call) -> Reply:
    """List the guilds that the bot is in."""
    world = call.world
    body: list[dict[str, Any]] = [
        {
            "id": str(guild.id),
            "name": guild.name,
            "icon": None,
            "banner": None,
            "owner": False,
            "permissions": str(permissions.guild_permissions(guild, world.bot)),
            "features": [],
        }
        for guild in world.guilds.values()
        if guild.has_app
    ]
    return Reply(200, body)


def guild_of(call: Call) -> Guild:
    """Find a guild that the bot is in."""
    found = call.world.guilds.get(call.number("guild_id"))
    if found is None:
        raise ApiError(10004)
    if not found.has_app:
        raise ApiError(50001)
    return found


def guild(call: Call) -> Reply:
    """Answer with a guild."""
    found = guild_of(call)
    body = guild_json(call.world, found)
    if call.request.query.get("with_counts") in {"true", "1"}:
        body |= {"approximate_member_count": len(found.members), "approximate_presence_count": len(found.members)}
    return Reply(200, body)


def channels(call: Call) -> Reply:
    """List the channels of a guild."""
    return Reply(200, [channel_json(call.world, channel) for channel in guild_of(call).channels.values()])


def roles(call: Call) -> Reply:
    """List the roles of a guild."""
    found = guild_of(call)
    return Reply(200, [role_json(role, call.world.bot.id) for role in [found.everyone, *found.roles.values()]])


def role_member_counts(call: Call) -> Reply:
    """Count the members of each role except @everyone."""
    found = guild_of(call)
    counts = {str(role): sum(role in held for held in found.members.values()) for role in found.roles}
    return Reply(200, counts)


def member(call: Call) -> Reply:
    """Answer with one member."""
    found = guild_of(call)
    number = call.number("user_id")
    if number not in call.world.users:
        raise ApiError(10013)
    if number not in found.members:
        raise ApiError(10007)
    return Reply(200, member_json(found, call.world.users[number]))


def active_threads(call: Call) -> Reply:
    """List the threads of a guild that are not archived."""
    world, found = call.world, guild_of(call)
    threads = [
        thread
        for thread in world.channels.values()
        if thread.guild is found and thread.is_thread and not thread.deleted
        if not thread.is_archived(world.clock.now()) and permissions.has_permissions(thread, world.bot, "view_channel")
    ]
    return Reply(
        200, {"threads": [channel_json(world, thread) for thread in threads], "members": [], "has_more": False}
    )


ROUTES = [
    Route("GET", "/users/@me", me),
    Route("GET", "/users/@me/guilds", my_guilds),
    Route("GET", "/users/{user_id}", user),
    Route("GET", "/oauth2/applications/@me", application),
    Route("GET", "/applications/@me", application),
    Route("GET", "/gateway", gateway, needs_token=False),
    Route("GET", "/gateway/bot", gateway_bot),
    Route("GET", "/guilds/{guild_id}", guild),
    Route("GET", "/guilds/{guild_id}/channels", channels),
    Route("GET", "/guilds/{guild_id}/roles", roles),
    Route("GET", "/guilds/{guild_id}/roles/member-counts", role_member_counts),
    Route("GET", "/guilds/{guild_id}/threads/active", active_threads),
    Route("GET", "/guilds/{guild_id}/members/{user_id}", member),
]
