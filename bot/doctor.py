"""`python -m bot --check`: checks of the bot with Discord's REST API, as JSON lines for `refdesk doctor`."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from typing import Any, Literal

import aiohttp
import discord

REQUIRED_PERMISSION_NAMES = (
    "view_channel",
    "send_messages",
    "send_messages_in_threads",
    "embed_links",
    "attach_files",
    "read_message_history",
)
REQUIRED_PERMISSIONS = discord.Permissions(**dict.fromkeys(REQUIRED_PERMISSION_NAMES, True))
"""The permissions that the invite link requests."""
SCOPES = ("bot", "applications.commands")
MAX_LISTED_SERVERS = 5
PAGE_SIZE = 200

Status = Literal["ok", "note", "problem"]
Finding = tuple[str, Status, str]
"""Name of the check, status and detail."""


async def check(token: str) -> None:
    """Run the checks and print one JSON line for each finding."""
    async for name, status, detail in run_checks(token):
        print(json.dumps({"name": name, "status": status, "detail": detail}), file=sys.stdout, flush=True)  # noqa: T201


async def run_checks(token: str) -> AsyncIterator[Finding]:
    """Check the token, the application, the servers and the permissions."""
    async with discord.Client(intents=discord.Intents.none()) as client:
        try:
            await client.login(token)
        except discord.LoginFailure:
            yield "discord token", "problem", "Discord rejected it; set DISCORD_TOKEN to the bot's current token"
            return
        except (discord.HTTPException, aiohttp.ClientError, TimeoutError) as error:
            yield "discord", "problem", f"cannot be reached ({type(error).__name__}); check the network connection"
            return
        yield "discord token", "ok", f"valid, the bot is {client.user}"
        application = client.application
        if application is not None:
            yield _check_intents(application)
            if application.interactions_endpoint_url:
                yield "discord interactions", "problem", _ENDPOINT_PROBLEM
        try:
            guilds = await _list_guilds(client)
        except (discord.HTTPException, aiohttp.ClientError, TimeoutError) as error:
            yield (
                "discord servers",
                "problem",
                f"Discord did not return the list ({type(error).__name__}); check the network connection and try again",
            )
            guilds = []
        else:
            yield _check_servers(guilds)
            yield _check_permissions(guilds)
        link = discord.utils.oauth_url(client.application_id or 0, permissions=REQUIRED_PERMISSIONS, scopes=SCOPES)
        yield "discord invite", "ok" if guilds else "note", f"link to add the bot to a server: {link}"


_ENDPOINT_PROBLEM = (
    "the application has an interactions endpoint URL, so Discord sends commands there instead of to the bot; delete "
    "the Interactions Endpoint URL in the developer portal"
)


def _check_intents(application: discord.AppInfo) -> Finding:
    flags = application.flags
    enabled = [
        name
        for name, on in (
            ("message content", flags.gateway_message_content or flags.gateway_message_content_limited),
            ("server members", flags.gateway_guild_members or flags.gateway_guild_members_limited),
            ("presence", flags.gateway_presence or flags.gateway_presence_limited),
        )
        if on
    ]
    if enabled:
        detail = f"privileged intents are on that Refdesk does not need: {', '.join(enabled)}; you can turn them off"
        return "discord intents", "note", detail
    return "discord intents", "ok", "no privileged intents are on, and none are needed"


def _check_servers(guilds: list[dict[str, Any]]) -> Finding:
    if not guilds:
        return "discord servers", "note", "the bot is on no server yet; add it with the invite link below"
    return "discord servers", "ok", f"the bot is on {len(guilds)} {'server' if len(guilds) == 1 else 'servers'}"


def _check_permissions(guilds: list[dict[str, Any]]) -> Finding:
    incomplete: list[str] = []
    for guild in guilds:
        permissions = discord.Permissions(int(guild.get("permissions") or 0))
        missing = [name for name in REQUIRED_PERMISSION_NAMES if not getattr(permissions, name)]
        if missing and not permissions.administrator:
            incomplete.append(f"{guild['name']} ({', '.join(name.replace('_', ' ') for name in missing)})")
    if not incomplete:
        return "discord permissions", "ok", "the bot has all server permissions; a channel may still deny some"
    listed = "; ".join(incomplete[:MAX_LISTED_SERVERS]) + ("; …" if len(incomplete) > MAX_LISTED_SERVERS else "")
    return "discord permissions", "problem", f"missing on {listed}; add the bot again with the invite link below"


async def _list_guilds(client: discord.Client) -> list[dict[str, Any]]:
    guilds: list[dict[str, Any]] = []
    while True:
        after = int(guilds[-1]["id"]) if guilds else None
        page: list[Any] = await client.http.get_guilds(PAGE_SIZE, after=after, with_counts=False)
        guilds += page
        if len(page) < PAGE_SIZE:
            return guilds
