"""The gateway connection of a bot process: dropped, rejected, resumed; invalid start, two processes, shutdown."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.acceptance.conftest import Installation
from tests.delivery_harness import DeliveryEnvironment
from tests.fake_discord import FakeDiscord, Person
from tests.fake_discord.model import Channel

REGISTER = "PUT /applications/{application_id}/commands"
RECONNECT_TIMEOUT_S = 60


@pytest.fixture
def anna(discord: FakeDiscord) -> Person:
    return discord.add_user("anna")


@pytest.fixture
def channel(discord: FakeDiscord, anna: Person) -> Channel:
    return discord.add_channel(discord.add_guild("Club", members=[anna]), "general")


def ask(installation: Installation, anna: Person, channel: Channel, question: str) -> None:
    """Ask a question and assert that it becomes one job."""
    anna.slash("ask", channel=channel, question=question).wait_message("Waiting", 30)
    assert installation.value(f"SELECT count(*) FROM jobs WHERE payload ->> 'question' = '{question}'") == 1


def connected(discord: FakeDiscord) -> bool:
    return any(session.connected for session in discord.sessions)


def test_lost_connection__is_resumed_or_replaced_and_no_command_is_lost(
    installation: Installation, discord: FakeDiscord, anna: Person, channel: Channel
):
    installation.start_bot(discord)
    session = discord.sessions[0]
    discord.reconnect()
    discord.wait_until(lambda: session.resumed == 1, RECONNECT_TIMEOUT_S, "a resumed session")
    ask(installation, anna, channel, "Where is the kettle?")

    discord.drop_sockets()
    submission = anna.slash("ask", channel=channel, question="Does it come after the cut?")
    discord.wait_until(lambda: session.resumed == 2, RECONNECT_TIMEOUT_S, "a resumed session")
    # The event is replayed, but it may be too late to respond, depending on the pause before reconnecting.
    discord.wait_until(lambda: submission.acknowledged or 10062 in submission.refused, 30, "the replayed event")
    ask(installation, anna, channel, "Where is the teapot?")
    assert discord.world.gateway.identifies == 1

    discord.invalidate_sessions(resumable=False)
    discord.wait_until(
        lambda: any(one.connected and one.id != session.id for one in discord.sessions),
        RECONNECT_TIMEOUT_S,
        "a new session",
    )
    ask(installation, anna, channel, "Where is the sieve?")
    assert len(discord.requests_to(REGISTER)) == 1


def test_buttons__of_a_progress_message_and_an_answer_work_after_a_restart(
    installation: Installation, discord: FakeDiscord, anna: Person, channel: Channel
):
    first = installation.start_bot(discord)
    waiting = anna.slash("ask", channel=channel, question="Where is the kettle?").wait_message("Waiting", 30)
    discord.wait_until(lambda: waiting.component("Cancel"), 30, "the button")
    job = installation.value("SELECT id FROM jobs")
    interaction = anna.slash("ask", channel=channel, question="Where?")
    with httpx.Client(trust_env=False) as http:
        env = DeliveryEnvironment(discord, installation.database, 0, anna, channel, http)
        submission = env.find_submission(interaction.wait_acknowledged(30))
        env.answer(submission)
    discord.wait_until(
        lambda: any(":up:" in b.get("custom_id", "") for b in submission.message.buttons), 30, "the answer"
    )
    installation.kill(first)
    installation.start_bot(discord)
    anna.click(waiting, "Cancel").wait_acknowledged(30)
    installation.wait_for_state(job, "cancelled")
    discord.wait_until(lambda: "Cancelled" in waiting.text, 60, "the cancelled message")
    up = next(b["custom_id"] for b in submission.message.buttons if ":up:" in b.get("custom_id", ""))
    anna.click(submission.message, up).wait_message("", 30)
    assert installation.value("SELECT vote FROM feedback") == 1
    # The commands are unchanged, so they are registered once.
    assert len(discord.requests_to(REGISTER)) == 1


def test_start__invalid_token_exits_with_a_message(installation: Installation, discord: FakeDiscord):
    bot = installation.start_bot(discord, ready=False, DISCORD_TOKEN="not.the.token")
    assert bot.wait(60) == 78
    assert "DISCORD_TOKEN" in installation.log_tail().splitlines()[-1]
    assert "not.the.token" not in installation.log_tail()


def test_start__rejected_intents_exit_with_a_message(installation: Installation, discord: FakeDiscord):
    bot = installation.start_bot(discord)
    discord.close_sockets(4014)
    assert bot.wait(60) == 78
    assert "intents" in installation.log_tail().splitlines()[-1]


def test_start__discord_unreachable_exits_as_retryable(installation: Installation, discord: FakeDiscord):
    bot = installation.start_bot(discord, ready=False, REFDESK_DISCORD_API_URL="http://127.0.0.1:9/api/v10")
    assert bot.wait(120) == 1
    assert "Discord cannot be reached" in installation.log_tail().splitlines()[-1]


def test_log__has_one_line_per_interaction_and_no_secrets(
    installation: Installation, discord: FakeDiscord, anna: Person, channel: Channel
):
    bot = installation.start_bot(discord)
    submission = anna.slash("ask", channel=channel, question="Where is the secret kettle?")
    submission.wait_message("Waiting", 30)
    job = installation.value("SELECT id FROM jobs")
    assert installation.stop(bot) == 0
    lines = [line for line in installation.log_tail().splitlines() if "outcome=" in line]
    assert len(lines) == 1
    assert re.search(rf"jobs=\[{job}\] name=ask outcome=done", lines[0])
    # An erasure cannot reach the log, so it names no user either.
    for secret in (submission.token, discord.world.token, "secret kettle", str(anna.id)):
        assert secret not in installation.log_tail()


def test_commands__two_bots_register_the_same_definition_once(installation: Installation, discord: FakeDiscord):
    installation.start_bot(discord)
    installation.start_bot(discord)
    assert len(discord.requests_to(REGISTER)) == 1
