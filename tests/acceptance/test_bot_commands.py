"""What people do with the bot, as they see it: the bot's own process against the fake Discord, no worker."""

from __future__ import annotations

import pytest

from tests.acceptance.conftest import Desk
from tests.fake_discord import FakeDiscord


def test_ask__is_acknowledged_and_waits_for_a_worker(desk: Desk, discord: FakeDiscord):
    alice = discord.add_user("alice")
    general = discord.add_channel(discord.add_guild(members=[alice]))
    bot = desk.start_bot(discord)
    asked = alice.slash("ask", question="How long is the warranty?", channel=general)
    asked.wait_message("Waiting")
    assert desk.value("SELECT payload ->> 'question' FROM jobs") == "How long is the warranty?"
    assert desk.stop(bot) == 0
