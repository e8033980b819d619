"""Commands are registered with Discord only when what is to be registered has changed since the last time."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import discord
import structlog
from discord import app_commands

from bot.desk.presence import Presence
from bot.translator import CatalogueTranslator

log = structlog.get_logger(__name__)

Payload = list[dict[str, Any]]


async def registration_payload(tree: app_commands.CommandTree[Any]) -> Payload:
    """Build what Discord is sent, without a connection."""
    translator = CatalogueTranslator()
    return [await command.get_translated_payload(tree, translator) for command in tree.get_commands()]


def payload_hash(payload: Payload) -> str:
    """Hash a payload so that any difference that Discord would see gives another hash."""
    return hashlib.sha256(json.dumps(payload, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


async def sync_commands(tree: app_commands.CommandTree[Any], presence: Presence, application_id: int) -> bool:
    """Register the commands unless they are registered; tells whether anything was sent.

    A refusal leaves the commands that were there before, so the bot goes on without it.
    """
    digest = payload_hash(await registration_payload(tree))
    if await presence.commands_hash(str(application_id)) == digest:
        return False
    try:
        registered = await tree.sync()
    except (discord.HTTPException, discord.RateLimited, app_commands.CommandSyncFailure) as error:
        log.error("discord did not take the commands; the old ones stay", error=str(error)[:500])  # noqa: TRY400
        return False
    await presence.keep_commands_hash(str(application_id), digest)
    log.info("commands registered", commands=len(registered))
    return True
