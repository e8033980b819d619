"""Links to the messages that show jobs."""

from __future__ import annotations

import pytest

from bot.views.jobs import build_message_link
from tests.bot_factories import CHANNEL, GUILD, delivery


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({}, GUILD),
        ({"guild_id": None}, "@me"),
        ({"private": True}, "@me"),
        ({"private": True, "route": "token"}, ""),
        ({"message_id": None}, ""),
    ],
)
def test_message_link__also_of_a_servers_answer_in_direct_messages(values: dict[str, object], place: str) -> None:
    expected = f"https://discord.com/channels/{place}/{CHANNEL}/1180000000000000005" if place else ""
    assert build_message_link(delivery(**values)) == expected
