"""The bot process: doctor checks, startup errors, shutdown, and replies while a service is unavailable."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from urllib.parse import urlsplit, urlunsplit

import psycopg

from embedded.servers import ServerUrls
from tests.acceptance.conftest import Desk
from tests.fake_discord import FakeDiscord, permissions

CALLBACK = "POST /interactions/{interaction_id}/{interaction_token}/callback"


def bot(desk: Desk, discord: FakeDiscord, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the bot until it exits."""
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        env=desk.environment | discord.environment | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def findings(ended: subprocess.CompletedProcess[str]) -> dict[str, tuple[str, str]]:
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    return {line["name"]: (line["status"], line["detail"]) for line in lines}


def test_check__token_intents_servers_permissions_and_invite_link(desk: Desk, discord: FakeDiscord):
    found = findings(bot(desk, discord, "--check"))
    assert found["discord token"][0] == "ok"
    assert found["discord intents"][0] in {"ok", "note"}
    assert found["discord servers"][0] == "note"
    assert "permissions=274878024704" in found["discord invite"][1]
    assert "scope=bot+applications.commands" in found["discord invite"][1]

    discord.add_guild("Good")
    lacking = tuple(name for name in permissions.MEMBER_PERMISSIONS if name not in {"attach_files", "embed_links"})
    discord.add_guild("Poor", bot_permissions=lacking)
    everyone = discord.world.guilds
    for guild in everyone.values():
        discord.set_role_permissions(guild, guild.everyone, "view_channel", "send_messages")
    found = findings(bot(desk, discord, "--check"))
    assert found["discord servers"] == ("ok", "the bot is on 2 servers")
    assert found["discord permissions"][0] == "problem"
    assert "Poor (embed links, attach files)" in found["discord permissions"][1]
    assert "Good" not in found["discord permissions"][1]


def test_check__a_token_that_discord_does_not_take(desk: Desk, discord: FakeDiscord):
    ended = bot(desk, discord, "--check", DISCORD_TOKEN="wrong")
    assert findings(ended)["discord token"][0] == "problem"
    assert "wrong" not in ended.stdout


def test_start__without_what_it_needs_ends_with_a_sentence(desk: Desk, discord: FakeDiscord, servers: ServerUrls):
    for missing in ("DISCORD_TOKEN", "DATABASE_URL", "REDIS_URL"):
        ended = bot(desk, discord, **{missing: ""})
        assert ended.returncode == 78, missing
        assert ended.stderr.splitlines()[-1].startswith(f"{missing} is not set")
    ended = bot(desk, discord, DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert ended.returncode == 1
    assert "is unreachable" in ended.stderr.splitlines()[-1]
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE unmigrated")
    try:
        ended = bot(desk, discord, DATABASE_URL=urlunsplit(urlsplit(servers.database_url)._replace(path="/unmigrated")))
        assert ended.returncode == 1
        assert "refdesk migrate" in ended.stderr.splitlines()[-1]
    finally:
        with psycopg.connect(servers.database_url, autocommit=True) as connection:
            connection.execute("DROP DATABASE unmigrated WITH (FORCE)")


def test_stop__what_is_in_flight_ends_and_the_process_within_seconds(desk: Desk, discord: FakeDiscord):
    anna = discord.add_user("anna")
    channel = discord.add_channel(discord.add_guild(members=[anna]))
    process = desk.start_bot(discord)
    held = discord.hold(CALLBACK, times=1, processed=True)
    asked = anna.slash("ask", question="Will it be heard?", channel=channel)
    held.wait_arrived()
    process.send_signal(signal.SIGTERM)
    held.release()
    assert process.wait(15) == 0
    assert asked.acknowledged
    assert desk.value("SELECT count(*) FROM jobs") == 1
    assert desk.value("SELECT count(*) FROM workers WHERE role = 'bot'") == 0
    assert not any(session.connected for session in discord.sessions)


def test_form__filled_in_over_a_restart_is_not_lost(desk: Desk, discord: FakeDiscord):
    anna = discord.add_user("anna")
    channel = discord.add_channel(discord.add_guild(members=[anna]))
    first = desk.start_bot(discord)
    form = anna.slash("ingest", channel=channel).wait_acknowledged()
    desk.kill(first)
    discord.wait_until(lambda: not any(session.connected for session in discord.sessions), 30, "the end of the first")
    desk.start_bot(discord)
    anna.submit_modal(form, {"title": "Hall", "text": "Two hours at most."}).wait_message("Hall", 30)
    assert desk.value("SELECT payload ->> 'name' FROM jobs") == "Hall.md"


def test_database_away__everything_is_refused_kindly_and_goes_on_afterwards(
    desk: Desk, discord: FakeDiscord, servers: ServerUrls
):
    anna = discord.add_user("anna")
    channel = discord.add_channel(discord.add_guild(members=[anna]))
    desk.start_bot(discord)
    name = urlsplit(desk.environment["DATABASE_URL"]).path.strip("/")
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        try:
            asked = anna.slash("ask", question="Is anybody there?", channel=channel)
            refusal = asked.wait_message("is unavailable right now", 30)
            assert refusal.ephemeral
            assert asked.messages_seen == [refusal]
            assert anna.autocomplete("docs show", "document", "x", channel=channel) == []
            anna.slash("help", channel=channel).wait_message("How to use this bot")
        finally:
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    anna.slash("ask", question="And now?", channel=channel).wait_message("Waiting", 30)
    assert desk.processes[-1].poll() is None
