"""With servers that accept connections but never respond, the bot still replies where possible and still stops."""

from __future__ import annotations

import signal
import socket
import time

import psycopg
import pytest

TIMEOUT_S = 90


@pytest.fixture
def member_and_channel(discord):
    anna = discord.add_user("anna")
    return anna, discord.add_channel(discord.add_guild("Kitchen", members=[anna]))


def test_redis_does_not_respond__questions_and_shutdown_are_not_blocked(installation, discord, member_and_channel):
    anna, channel = member_and_channel
    with socket.socket() as silent_server:
        silent_server.bind(("127.0.0.1", 0))
        silent_server.listen(50)
        process = installation.start_bot(discord, REDIS_URL=f"redis://127.0.0.1:{silent_server.getsockname()[1]}/0")
        for number in range(12):
            anna.slash("ask", channel=channel, question=f"Where is kettle {number}?")
        discord.wait_until(
            lambda: sum("kettle" in (message.text or "") for message in channel.messages) == 12,
            TIMEOUT_S,
            "messages",
        )
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT_S) == 0


def test_database_hangs__sigterm_still_stops_and_a_second_one_kills(installation, discord, database_url):
    stopped_once, stopped_twice = installation.start_bot(discord), installation.start_bot(discord)
    with psycopg.connect(database_url) as connection:
        connection.execute("LOCK TABLE workers, deliveries IN ACCESS EXCLUSIVE MODE")
        for process in (stopped_once, stopped_twice):
            process.send_signal(signal.SIGTERM)
        while stopped_twice.poll() is None:
            stopped_twice.send_signal(signal.SIGTERM)
            time.sleep(0.2)
        assert stopped_twice.returncode == -signal.SIGTERM
        assert stopped_once.wait(TIMEOUT_S) == 0
