"""`python -m bot --check`: one JSON line for each finding, for `refdesk doctor` to print; no gateway is opened."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from typing import Any, Literal

import aiohttp
import discord

NEEDED_NAMES = (
    "view_channel",
    "send_messages",
    "send_messages_in_threads",
    "embed_links",
    "attach_files",
    "read_message_history",
)
NEEDED = discord.Permissions(**dict.fromkeys(NEEDED_NAMES, True))
"""What the bot cannot do without; the invite link asks for exactly these."""
SCOPES = ("bot", "applications.commands")
MAX_NAMED = 5
PAGE = 200

Status = Literal["ok", "note", "problem"]
Finding = tuple[str, Status, str]


async def check(token: str) -> None:
    """Print what is found."""
    async for name, status, detail in findings(token):
        print(json.dumps({"name": name, "status": status, "detail": detail}), file=sys.stdout, flush=True)  # noqa: T201


async def findings(token: str) -> AsyncIterator[Finding]:
    """Look at the token, the application, the servers and their permissions."""
    async with discord.Client(intents=discord.Intents.none()) as client:
        try:
            await client.login(token)
        except discord.LoginFailure:
            yield "discord token", "problem", "Discord does not take it; set DISCORD_TOKEN to the bot's current one"
            return
        except (discord.HTTPException, aiohttp.ClientError, TimeoutError) as error:
            yield "discord", "problem", f"cannot be reached ({type(error).__name__}); is the network in order?"
            return
        yield "discord token", "ok", f"valid, the bot is {client.user}"
        application = client.application
        if application is not None:
            yield _intents(application)
            if application.interactions_endpoint_url:
                yield "discord interactions", "problem", _ENDPOINT
        try:
            guilds = await _guilds(client)
        except (discord.HTTPException, aiohttp.ClientError, TimeoutError) as error:
            yield "discord servers", "problem", f"cannot be listed ({type(error).__name__})"
            guilds = []
        else:
            yield _servers(guilds)
            yield _permissions(guilds)
        link = discord.utils.oauth_url(client.application_id or 0, permissions=NEEDED, scopes=SCOPES)
        yield "discord invite", "ok" if guilds else "note", f"adds the bot to a server: {link}"


_ENDPOINT = (
    "the application has an interactions endpoint URL, so Discord sends nothing to the bot; empty that field in the"
    " developer portal"
)


def _intents(application: discord.AppInfo) -> Finding:
    flags = application.flags
    extra = [
        name
        for name, on in (
            ("message content", flags.gateway_message_content or flags.gateway_message_content_limited),
            ("server members", flags.gateway_guild_members or flags.gateway_guild_members_limited),
            ("presence", flags.gateway_presence or flags.gateway_presence_limited),
        )
        if on
    ]
    if extra:
        return "discord intents", "note", f"privileged ones are on that Refdesk does not need: {', '.join(extra)}"
    return "discord intents", "ok", "none privileged, and none is needed"


def _servers(guilds: list[dict[str, Any]]) -> Finding:
    if not guilds:
        return "discord servers", "note", "the bot is on no server yet; the link below invites it"
    return "discord servers", "ok", f"the bot is on {len(guilds)}"


def _permissions(guilds: list[dict[str, Any]]) -> Finding:
    lacking: list[str] = []
    for guild in guilds:
        has = discord.Permissions(int(guild.get("permissions") or 0))
        missing = [] if has.administrator else [name for name in NEEDED_NAMES if not getattr(has, name)]
        if missing:
            lacking.append(f"{guild['name']} ({', '.join(name.replace('_', ' ') for name in missing)})")
    if not lacking:
        return "discord permissions", "ok", "all there; a channel may still take some away"
    named = "; ".join(lacking[:MAX_NAMED]) + ("; …" if len(lacking) > MAX_NAMED else "")
    return "discord permissions", "problem", f"missing on {named}; invite the bot again with the link below"


async def _guilds(client: discord.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        after = int(found[-1]["id"]) if found else None
        page: list[Any] = await client.http.get_guilds(PAGE, after=after, with_counts=False)
        found += page
        if len(page) < PAGE:
            return found
