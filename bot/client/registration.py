"""Commands are registered with Discord only when what is to be registered has changed since the last time."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any

import aiohttp
import discord
import structlog
from discord import app_commands

from bot.locales.translator import CatalogueTranslator
from bot.services.process import BotProcess
from pipeline.errors import RefdeskError

log = structlog.get_logger(__name__)

FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 600.0
Payload = list[dict[str, Any]]


async def registration_payload(tree: app_commands.CommandTree[Any]) -> Payload:
    """Build what Discord is sent, without a connection."""
    translator = CatalogueTranslator()
    return [await command.get_translated_payload(tree, translator) for command in tree.get_commands()]


def payload_hash(payload: Payload) -> str:
    """Hash a payload so that any difference that Discord would see gives another hash."""
    return hashlib.sha256(json.dumps(payload, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


async def keep_registered(
    tree: app_commands.CommandTree[Any], presence: BotProcess, application_id: int, *, pause_s: float = FIRST_PAUSE_S
) -> None:
    """Register the commands unless they are registered, and try again, with growing pauses, what may work later.

    A refusal for good leaves the commands that were there before, so the bot goes on without it.
    """
    while True:
        try:
            await sync_commands(tree, presence, application_id)
        except discord.HTTPException as error:
            if error.status < 500 and error.status != 429:
                log.error("discord did not take the commands; the old ones stay", error=str(error)[:500])  # noqa: TRY400
                return
            wait_s = pause_s
        except discord.RateLimited as error:
            wait_s = max(pause_s, error.retry_after)
        except (aiohttp.ClientError, OSError, RefdeskError):
            wait_s = pause_s
        else:
            return
        log.warning("the commands are not registered yet", next_try_in_s=round(wait_s))
        await asyncio.sleep(wait_s)
        pause_s = min(LONGEST_PAUSE_S, pause_s * 2)


async def sync_commands(tree: app_commands.CommandTree[Any], presence: BotProcess, application_id: int) -> bool:
    """Register the commands unless they are registered; tells whether anything was sent."""
    payload = await registration_payload(tree)
    digest = payload_hash(payload)
    if await presence.commands_hash(str(application_id)) == digest:
        there = await tree.fetch_commands()
        if {command.name for command in there} == {command["name"] for command in payload}:
            return False
        log.warning("discord has other commands than were registered", commands=len(there))
    registered = await tree.sync()
    await presence.store_commands_hash(str(application_id), digest)
    log.info("commands registered", commands=len(registered))
    return True
