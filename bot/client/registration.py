"""Register the commands with Discord, only if they differ from the registered ones."""

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

FIRST_RETRY_S = 5.0
MAX_RETRY_S = 600.0
Payload = list[dict[str, Any]]


async def build_payload(tree: app_commands.CommandTree[Any]) -> Payload:
    """Build the registration payload without a connection."""
    translator = CatalogueTranslator()
    return [await command.get_translated_payload(tree, translator) for command in tree.get_commands()]


def hash_payload(payload: Payload) -> str:
    """Hash a payload; any difference visible to Discord changes the hash."""
    return hashlib.sha256(json.dumps(payload, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


async def register_commands(
    tree: app_commands.CommandTree[Any],
    process: BotProcess,
    application_id: int,
    command_ids: dict[str, str],
    *,
    retry_s: float = FIRST_RETRY_S,
) -> None:
    """Register the commands if they changed; retry temporary failures with exponential backoff.

    After a permanent failure the bot continues with the commands that are registered. `command_ids` is filled with the
    IDs of the commands by name.
    """
    while True:
        try:
            await sync_commands(tree, process, application_id, command_ids)
        except discord.HTTPException as error:
            if error.status < 500 and error.status != 429:
                log.error("discord rejected the commands, the registered ones remain", error=str(error)[:500])  # noqa: TRY400
                return
            wait_s = retry_s
        except discord.RateLimited as error:
            wait_s = max(retry_s, error.retry_after)
        except (aiohttp.ClientError, OSError, RefdeskError):
            wait_s = retry_s
        else:
            return
        log.warning("registering commands failed", retry_in_s=round(wait_s))
        await asyncio.sleep(wait_s)
        retry_s = min(MAX_RETRY_S, retry_s * 2)


async def sync_commands(
    tree: app_commands.CommandTree[Any], process: BotProcess, application_id: int, command_ids: dict[str, str]
) -> bool:
    """Register the commands if they changed and store their IDs by name; return whether they were sent."""
    payload = await build_payload(tree)
    digest = hash_payload(payload)
    if await process.commands_hash(str(application_id)) == digest:
        registered = await tree.fetch_commands()
        if {command.name for command in registered} == {command["name"] for command in payload}:
            command_ids |= {command.name: str(command.id) for command in registered}
            return False
        log.warning("commands were changed at discord, registering them again", commands=len(registered))
    synced = await tree.sync()
    command_ids |= {command.name: str(command.id) for command in synced}
    await process.store_commands_hash(str(application_id), digest)
    log.info("commands registered", commands=len(synced))
    return True
