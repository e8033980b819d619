"""With servers that accept connections but never respond, the bot still replies where possible and still stops."""

from __future__ import annotations

import signal
import socket
import time

import psycopg
import pytest

PATIENCE_S = 90


@pytest.fixture
def place(discord):
    anna = discord.add_user("anna")
    return anna, discord.add_channel(discord.add_guild("Kitchen", members=[anna]))


def test_redis_that_does_not_answer__holds_up_nobody_and_no_stop(desk, discord, place):
    anna, channel = place
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(50)
        process = desk.start_bot(discord, REDIS_URL=f"redis://127.0.0.1:{hole.getsockname()[1]}/0")
        for number in range(12):
            anna.slash("ask", channel=channel, question=f"Where is kettle {number}?")
        discord.wait_until(
            lambda: sum("kettle" in (message.text or "") for message in channel.messages) == 12, PATIENCE_S, "12 shown"
        )
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0


def test_database_that_hangs__a_stop_ends_all_the_same_and_a_second_signal_ends_it_at_once(desk, discord, database_url):
    patient, hurried = desk.start_bot(discord), desk.start_bot(discord)
    with psycopg.connect(database_url) as connection:
        connection.execute("LOCK TABLE workers, deliveries IN ACCESS EXCLUSIVE MODE")
        for process in (patient, hurried):
            process.send_signal(signal.SIGTERM)
        while hurried.poll() is None:
            hurried.send_signal(signal.SIGTERM)
            time.sleep(0.2)
        assert hurried.returncode == -signal.SIGTERM
        assert patient.wait(PATIENCE_S) == 0
