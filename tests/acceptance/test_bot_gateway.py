"""The gateway connection of a bot process: dropped, rejected, resumed; invalid start, two processes, shutdown."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.acceptance.conftest import Desk
from tests.delivery_harness import DeliveryEnvironment
from tests.fake_discord import FakeDiscord, Person
from tests.fake_discord.model import Channel

REGISTER = "PUT /applications/{application_id}/commands"
RECONNECTED_S = 60


@pytest.fixture
def anna(discord: FakeDiscord) -> Person:
    return discord.add_user("anna")


@pytest.fixture
def channel(discord: FakeDiscord, anna: Person) -> Channel:
    return discord.add_channel(discord.add_guild("Club", members=[anna]), "general")


def ask(desk: Desk, anna: Person, channel: Channel) -> None:
    """Ask, and return the job of the question."""
    anna.slash("ask", channel=channel, question="Where is the kettle?").wait_message("Waiting", 30)
    assert desk.value("SELECT count(*) FROM jobs WHERE payload ->> 'question' = 'Where is the kettle?'") == 1


def connected(discord: FakeDiscord) -> bool:
    return any(session.connected for session in discord.sessions)


def test_reconnect__the_session_is_resumed(desk: Desk, discord: FakeDiscord, anna: Person, channel: Channel):
    desk.start_bot(discord)
    discord.reconnect()
    discord.wait_until(lambda: discord.sessions[0].resumed == 1, RECONNECTED_S, "a resumed session")
    ask(desk, anna, channel)
    assert discord.world.gateway.identifies == 1


def test_dropped_socket__what_was_asked_meanwhile_is_answered(
    desk: Desk, discord: FakeDiscord, anna: Person, channel: Channel
):
    desk.start_bot(discord)
    session = discord.sessions[0]
    discord.drop_sockets()
    submission = anna.slash("ask", channel=channel, question="Does it come after the cut?")
    discord.wait_until(lambda: session.resumed == 1, RECONNECTED_S, "a resumed session")
    # The event is replayed, but it may be too late to respond, depending on the pause before reconnecting.
    discord.wait_until(lambda: submission.acknowledged or 10062 in submission.refused, 30, "the replayed event")
    ask(desk, anna, channel)
    assert discord.world.gateway.identifies == 1


def test_invalid_session__a_new_one_begins(desk: Desk, discord: FakeDiscord, anna: Person, channel: Channel):
    desk.start_bot(discord)
    first = discord.sessions[0].id
    discord.invalidate_sessions(resumable=False)
    discord.wait_until(
        lambda: any(session.connected and session.id != first for session in discord.sessions),
        RECONNECTED_S,
        "a new session",
    )
    ask(desk, anna, channel)
    assert len(discord.requests_to(REGISTER)) == 1


def test_button__of_a_message_from_before_the_restart(desk: Desk, discord: FakeDiscord, anna: Person, channel: Channel):
    first = desk.start_bot(discord)
    submission = anna.slash("ask", channel=channel, question="Where is the kettle?")
    waiting = submission.wait_message("Waiting", 30)
    discord.wait_until(lambda: waiting.component("Cancel"), 30, "the button")
    desk.kill(first)
    desk.start_bot(discord)
    anna.click(waiting, "Cancel").wait_acknowledged(30)
    desk.wait_until(lambda: desk.value("SELECT state FROM jobs") == "cancelled", "job cancelled")
    discord.wait_until(lambda: "Cancelled" in waiting.text, 60, "the message says so")
    # The commands have not changed, so they were registered once.
    assert len(discord.requests_to(REGISTER)) == 1


def test_button__of_an_answer_from_before_the_restart(desk: Desk, discord: FakeDiscord, anna: Person, channel: Channel):
    first = desk.start_bot(discord)
    interaction = anna.slash("ask", channel=channel, question="Where?")
    with httpx.Client(trust_env=False) as http:
        env = DeliveryEnvironment(discord, desk.database, 0, anna, channel, http)
        submission = env.find_submission(interaction.wait_acknowledged(30))
        env.answer(submission)
    discord.wait_until(
        lambda: any(":up:" in b.get("custom_id", "") for b in submission.message.buttons), 30, "the answer"
    )
    desk.kill(first)
    desk.start_bot(discord)
    up = next(b["custom_id"] for b in submission.message.buttons if ":up:" in b.get("custom_id", ""))
    anna.click(submission.message, up).wait_message("", 30)
    assert desk.value("SELECT vote FROM feedback") == 1


def test_start__with_a_wrong_token_ends_with_a_sentence(desk: Desk, discord: FakeDiscord):
    bot = desk.start_bot(discord, ready=False, DISCORD_TOKEN="not.the.token")
    assert bot.wait(60) == 78
    assert "DISCORD_TOKEN" in desk.tail().splitlines()[-1]
    assert "not.the.token" not in desk.tail()


def test_start__with_intents_refused_ends_with_a_sentence(desk: Desk, discord: FakeDiscord):
    bot = desk.start_bot(discord)
    discord.close_sockets(4014)
    assert bot.wait(60) == 78
    assert "intents" in desk.tail().splitlines()[-1]


def test_start__with_discord_away_may_be_tried_again(desk: Desk, discord: FakeDiscord):
    bot = desk.start_bot(discord, ready=False, REFDESK_DISCORD_API_URL="http://127.0.0.1:9/api/v10")
    assert bot.wait(120) == 1
    assert "Discord cannot be reached" in desk.tail().splitlines()[-1]


def test_log__one_line_for_each_interaction_and_no_secret(
    desk: Desk, discord: FakeDiscord, anna: Person, channel: Channel
):
    bot = desk.start_bot(discord)
    submission = anna.slash("ask", channel=channel, question="Where is the secret kettle?")
    submission.wait_message("Waiting", 30)
    job = desk.value("SELECT id FROM jobs")
    assert desk.stop(bot) == 0
    lines = [line for line in desk.tail().splitlines() if str(anna.id) in line]
    assert len(lines) == 1
    assert re.search(rf"jobs=\[{job}\] name=ask outcome=done", lines[0])
    for secret in (submission.token, discord.world.token, "secret kettle"):
        assert secret not in desk.tail()


def test_commands__of_one_definition_are_registered_once_by_two_bots(desk: Desk, discord: FakeDiscord):
    desk.start_bot(discord)
    desk.start_bot(discord)
    assert len(discord.requests_to(REGISTER)) == 1
