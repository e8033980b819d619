"""What the bot may send in a channel, by the permissions that the gateway reports."""

from __future__ import annotations

import asyncio
from typing import Any

import discord
import pytest

from bot.delivery.send import DiscordSender
from tests import bot_guild
from tests.bot_factories import delivery

SEND_IN_THREADS, EMBED_LINKS = 1 << 38, 1 << 14


def may_embed(client: discord.Client, **values: Any) -> bool:
    async def check() -> bool:
        return DiscordSender(client).may_embed(delivery(**{"guild_id": str(bot_guild.GUILD)} | values))

    return asyncio.run(check())


@pytest.mark.parametrize("channel", [bot_guild.GENERAL, bot_guild.THREAD])
def test_may_embed__by_the_permission_in_the_channel(channel):
    client = bot_guild.client()
    everyone = client.get_guild(bot_guild.GUILD).default_role  # type: ignore[union-attr]
    everyone._permissions |= SEND_IN_THREADS
    assert not may_embed(client, channel_id=str(channel))
    everyone._permissions |= EMBED_LINKS
    assert may_embed(client, channel_id=str(channel))


@pytest.mark.parametrize("values", [{"guild_id": None}, {"guild_id": "5"}, {"channel_id": "6"}])
def test_may_embed__where_the_permissions_are_unknown(values):
    assert may_embed(bot_guild.client(), **{"channel_id": str(bot_guild.GENERAL)} | values)
