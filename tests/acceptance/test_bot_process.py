"""The bot process: doctor checks, startup errors, shutdown, and replies while a service is unavailable."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from urllib.parse import urlsplit, urlunsplit

import psycopg

from embedded.servers import ServerUrls
from tests.acceptance.conftest import Installation
from tests.fake_discord import FakeDiscord, permissions

CALLBACK = "POST /interactions/{interaction_id}/{interaction_token}/callback"


def bot(
    installation: Installation, discord: FakeDiscord, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the bot until it exits."""
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        env=installation.environment | discord.environment | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def parse_checks(result: subprocess.CompletedProcess[str]) -> dict[str, tuple[str, str]]:
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return {line["name"]: (line["status"], line["detail"]) for line in lines}


def test_check__token_intents_servers_permissions_and_invite_link(installation: Installation, discord: FakeDiscord):
    found = parse_checks(bot(installation, discord, "--check"))
    assert found["discord token"][0] == "ok"
    assert found["discord intents"][0] in {"ok", "note"}
    assert found["discord servers"][0] == "note"
    assert "permissions=274878024704" in found["discord invite"][1]
    assert "scope=bot+applications.commands" in found["discord invite"][1]

    discord.add_guild("Good")
    incomplete = tuple(name for name in permissions.MEMBER_PERMISSIONS if name not in {"attach_files", "embed_links"})
    discord.add_guild("Poor", bot_permissions=incomplete)
    for guild in discord.world.guilds.values():
        discord.set_role_permissions(guild, guild.everyone, "view_channel", "send_messages")
    found = parse_checks(bot(installation, discord, "--check"))
    assert found["discord servers"] == ("ok", "the bot is on 2 servers")
    assert found["discord permissions"][0] == "problem"
    assert "Poor (embed links, attach files)" in found["discord permissions"][1]
    assert "Good" not in found["discord permissions"][1]


def test_check__rejected_token_is_a_problem(installation: Installation, discord: FakeDiscord):
    result = bot(installation, discord, "--check", DISCORD_TOKEN="wrong")
    assert parse_checks(result)["discord token"][0] == "problem"
    assert "wrong" not in result.stdout


def test_start__missing_requirements_exit_with_a_message(
    installation: Installation, discord: FakeDiscord, servers: ServerUrls
):
    for missing in ("DISCORD_TOKEN", "DATABASE_URL", "REDIS_URL"):
        result = bot(installation, discord, **{missing: ""})
        assert result.returncode == 78, missing
        assert result.stderr.splitlines()[-1].startswith(f"{missing} is not set")
    result = bot(installation, discord, DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert result.returncode == 1
    assert "is unreachable" in result.stderr.splitlines()[-1]
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE unmigrated")
    try:
        result = bot(
            installation, discord, DATABASE_URL=urlunsplit(urlsplit(servers.database_url)._replace(path="/unmigrated"))
        )
        assert result.returncode == 1
        assert "refdesk migrate" in result.stderr.splitlines()[-1]
    finally:
        with psycopg.connect(servers.database_url, autocommit=True) as connection:
            connection.execute("DROP DATABASE unmigrated WITH (FORCE)")


def test_stop__finishes_requests_in_flight_and_exits_within_seconds(installation: Installation, discord: FakeDiscord):
    anna = discord.add_user("anna")
    channel = discord.add_channel(discord.add_guild(members=[anna]))
    process = installation.start_bot(discord)
    callback = discord.hold(CALLBACK, times=1, processed=True)
    asked = anna.slash("ask", question="Is this answered?", channel=channel)
    callback.wait_arrived()
    process.send_signal(signal.SIGTERM)
    callback.release()
    assert process.wait(15) == 0
    assert asked.acknowledged
    assert installation.value("SELECT count(*) FROM jobs") == 1
    assert installation.value("SELECT count(*) FROM workers WHERE role = 'bot'") == 0
    assert not any(session.connected for session in discord.sessions)


def test_form__submitted_after_a_restart_is_processed(installation: Installation, discord: FakeDiscord):
    anna = discord.add_user("anna")
    channel = discord.add_channel(discord.add_guild(members=[anna]))
    first = installation.start_bot(discord)
    form = anna.slash("ingest", channel=channel).wait_acknowledged()
    installation.kill(first)
    discord.wait_until(lambda: not any(session.connected for session in discord.sessions), 30, "disconnection")
    installation.start_bot(discord)
    anna.submit_modal(form, {"title": "Hall", "text": "Two hours at most."}).wait_message("Hall", 30)
    assert installation.value("SELECT payload ->> 'name' FROM jobs") == "Hall.md"


def test_database_unavailable__commands_are_rejected_until_it_returns(
    installation: Installation, discord: FakeDiscord, servers: ServerUrls
):
    anna = discord.add_user("anna")
    channel = discord.add_channel(discord.add_guild(members=[anna]))
    installation.start_bot(discord)
    name = urlsplit(installation.environment["DATABASE_URL"]).path.strip("/")
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        try:
            asked = anna.slash("ask", question="Is the library open?", channel=channel)
            assert_refused = asked.wait_message("is unavailable right now", 30)
            assert assert_refused.ephemeral
            assert asked.messages_seen == [assert_refused]
            assert anna.autocomplete("docs show", "document", "x", channel=channel) == []
            anna.slash("help", channel=channel).wait_message("How to use this bot")
        finally:
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    anna.slash("ask", question="And now?", channel=channel).wait_message("Waiting", 30)
    assert installation.processes[-1].poll() is None
