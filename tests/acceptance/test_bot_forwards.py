"""Forwarded messages and links to messages: a bot process, workers and a fake Discord."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.conftest import Installation
from tests.fake_discord import FakeDiscord

TIMEOUT_S = 60
ADDED = "Document added"


@pytest.fixture
def discord(installation: Installation) -> Iterator[FakeDiscord]:
    with FakeDiscord() as fake:
        installation.start_worker("ingest", REFDESK_EMBED_LINGER_S="0.1")
        installation.start_bot(fake)
        yield fake
        assert not fake.problems, "\n".join(map(str, fake.problems))


def test_forwards_and_message_links(installation: Installation, discord: FakeDiscord) -> None:
    anna = discord.add_user("anna")
    guild = discord.add_guild("Club", members=[anna])
    hall, board = discord.add_channel(guild, "hall"), discord.add_channel(guild, "board")
    secret = discord.add_channel(guild, "secret")
    discord.deny(secret, guild.everyone, "view_channel")
    file = anna.say(board, "See the file", attachments=[("rules.txt", b"The boat shed key is with Ole.")])
    text = anna.say(board, "The caretaker is called Mr Miller.")
    url = f"https://discord.com/channels/{guild.id}"

    for original in (file, text):
        forward = anna.forward(original, hall)
        anna.message_command("Add to library", forward).wait_message(ADDED, TIMEOUT_S)
        origin = installation.value("SELECT origin FROM documents ORDER BY id DESC LIMIT 1")
        assert origin == f"{url}/{hall.id}/{forward.id}"
    assert installation.value("SELECT count(*) FROM documents WHERE origin LIKE '%discord.com%'") == 2

    named = anna.say(board, "The tower has two doors.", mentions_bot=True)
    anna.slash("ingest", channel=hall, link=f"{url}/{board.id}/{named.id}").wait_message(ADDED, TIMEOUT_S)
    origin = installation.value("SELECT origin FROM documents ORDER BY id DESC LIMIT 1")
    assert origin == f"{url}/{board.id}/{named.id}"

    anna.delete(named)
    count = "SELECT count(*) FROM documents WHERE origin = '{}'"
    discord.wait_until(lambda: installation.value(count.format(origin)) == 0, 10, "the removal of the link")

    for link, reason in (
        (f"{url}/{board.id}/{text.id}", "doesn't show the bot the contents"),
        (f"{url}/{secret.id}/{text.id}", "can't read the channel"),
        (f"https://discord.com/channels/1/2/{text.id}", "isn't in this server"),
    ):
        refused = anna.slash("ingest", channel=hall, link=link).wait_message(reason, TIMEOUT_S)
        assert refused.ephemeral
