"""The weekly digest: two bot processes and a fake Discord."""

from __future__ import annotations

from tests.acceptance.club import assert_rejected
from tests.acceptance.conftest import Installation
from tests.fake_discord import FakeDiscord

DUE = "UPDATE digests SET due_at = now() - interval '1 minute', claimed_at = NULL RETURNING 1"
NEXT = "SELECT count(*) FROM digests WHERE due_at > now() + interval '6 days'"
TITLE = "The last 7 days"


def test_digest__once_a_week_and_a_private_message_if_it_fails(installation: Installation) -> None:
    with FakeDiscord() as discord:
        owner, anna = discord.add_user("owner"), discord.add_user("anna")
        guild = discord.add_guild("Club", owner=owner, members=[anna])
        hall, news, closed = (discord.add_channel(guild, name) for name in ("hall", "news", "closed"))
        discord.deny(closed, guild.everyone, "view_channel")
        bots = [installation.start_bot(discord)]
        refused = anna.slash("settings digest", channel=hall, options={"channel": news}, by_override=True)
        assert_rejected(refused, "Only members with the Manage Server permission")
        refused = owner.slash("settings digest", channel=hall, options={"channel": closed})
        assert_rejected(refused, "The bot can't write in")
        owner.slash("settings digest", channel=hall, options={"channel": news}).wait_message(f"<#{news.id}>")

        installation.value(DUE)
        bots += [installation.start_bot(discord), installation.start_bot(discord)]
        discord.wait_until(lambda: installation.value(NEXT) == 1, 60, "the digest")
        (digest,) = news.messages
        assert TITLE in digest.text
        assert not digest.pings.users
        assert not digest.pings.roles

        discord.deny(news, guild.everyone, "view_channel")
        for _ in range(2):
            installation.stop(bots.pop())
            installation.value(DUE)
            bots.append(installation.start_bot(discord))
            discord.wait_until(lambda: installation.value(NEXT) == 1, 60, "the failure")
        (told,) = owner.dms
        assert f"couldn't be posted in <#{news.id}>" in told.text
        shown = owner.slash("settings show", channel=hall).wait_message("could not be posted there")
        assert shown.ephemeral
        owner.slash("settings digest", channel=hall, options={"off": True}).wait_message("Weekly digest")
        assert installation.value("SELECT count(*) FROM digests") == 0
        assert len(news.messages) == 1
        assert not discord.problems, "\n".join(map(str, discord.problems))
