"""Delivery by a bot process despite kills, rate limits, duplicate processes and dropped connections.

The tests change job states like a worker does; where a real worker matters, they start one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import pytest

from embedded.servers import ServerUrls
from tasks.submit import Submitter
from tests.acceptance.conftest import Installation
from tests.delivery_harness import EDIT, EDIT_ORIGINAL, POST, DatabaseOutage, DeliveryEnvironment, Submission
from tests.fake_discord import FakeDiscord, Person
from tests.fake_discord.model import Channel, Message

QUESTION = "Where is the kettle?"
LONG_ANSWER = "\n\n".join(f"Paragraph {n}: " + "kettle and shelf " * 25 for n in range(11))
"""An answer that needs three messages."""
TOKEN_EXPIRED_S = 15 * 60 + 60


@pytest.fixture
def env(installation: Installation, discord: FakeDiscord) -> Iterator[DeliveryEnvironment]:
    anna = discord.add_user("anna")
    channel = discord.add_channel(discord.add_guild("Kitchen", members=[anna]))
    with httpx.Client(trust_env=False) as http:
        yield DeliveryEnvironment(discord, installation.database, 0, anna, channel, http)


def ask(
    env: DeliveryEnvironment, *, person: Person | None = None, channel: Channel | None = None, private: bool = False
) -> Submission:
    options: dict[str, Any] = {"question": QUESTION} | ({"private": True} if private else {})
    interaction = (person or env.person).slash("ask", channel=channel or env.channel, options=options)
    submission = env.find_submission(interaction.wait_acknowledged(60))
    env.wait_text(submission.message, "Waiting")
    return submission


def assert_three_parts(messages: Sequence[Message], submission: Submission) -> None:
    first, second, third = messages
    assert (first, second.reply_to, third.reply_to) == (submission.message, first, first)
    assert "Paragraph 10" in third.text


def test_deferred_response__is_edited_by_token_and_answers_arrive_after_it_expired(
    installation: Installation, env: DeliveryEnvironment
):
    installation.start_bot(env.fake)
    first = ask(env)
    env.answer(first)
    env.wait_state(first)
    assert env.count(EDIT_ORIGINAL) >= 2
    assert env.count(EDIT) == 0

    eve = env.fake.add_user("eve", installed_app=True)
    foreign = env.fake.add_channel(env.fake.add_guild("Elsewhere", members=[eve], has_app=False))
    public, private = ask(env), ask(env, private=True)
    installed = ask(env, person=eve, channel=foreign)
    env.fake.clock.advance(TOKEN_EXPIRED_S)
    for one in (public, private, installed):
        env.answer(one)
        env.wait_state(one)
    assert "On the shelf" in public.message.text
    assert env.channel.messages == [first.message, public.message]
    assert [("On the shelf" in message.text) for message in (*env.person.dms, *eve.dms)] == [True, True]
    assert "On the shelf" not in private.message.text + installed.message.text


def test_lost_channels__answers_go_to_direct_messages_or_are_undeliverable(
    installation: Installation, env: DeliveryEnvironment
):
    installation.start_bot(env.fake)
    guild = env.channel.guild
    assert guild is not None
    deleted = ask(env, channel=env.fake.add_channel(guild, "deleted"))
    closed = ask(env, channel=env.fake.add_channel(guild, "closed"))
    env.fake.deny(closed.message.channel, env.fake.bot, "view_channel")
    env.fake.delete_channel(deleted.message.channel)
    ben = env.fake.add_user("ben", dms_open=False)
    env.fake.add_member(guild, ben)
    hall = env.fake.add_channel(guild, "hall")
    expired = ask(env, person=ben, channel=hall, private=True)
    env.run(f"UPDATE deliveries SET token_expires = now() WHERE id IN ({closed.delivery}, {expired.delivery})")
    for one in (deleted, closed, expired):
        env.answer(one)
    env.wait_state(deleted)
    env.wait_state(closed)
    env.wait_state(expired, "undeliverable")
    assert ["On the shelf" in message.text for message in env.person.dms] == [True, True]
    shown = ben.slash("jobs show", channel=hall, job=str(expired.job)).wait_message("On the shelf", 60)
    assert shown.ephemeral
    assert hall.messages == []
    assert "50007" in installation.value(f"SELECT why FROM inspect.deliveries WHERE id = {expired.delivery}")


def test_stopped_or_killed__before_the_delivery_another_bot_delivers(
    installation: Installation, env: DeliveryEnvironment
):
    # A stopped bot releases its deliveries immediately.
    stopped = installation.start_bot(env.fake)
    released = ask(env)
    assert installation.stop(stopped) == 0
    assert installation.value(f"SELECT claim_owner FROM deliveries WHERE id = {released.delivery}") is None
    env.answer(released)
    killed = installation.start_bot(env.fake)
    env.wait_state(released)

    # A killed bot is started again.
    resumed = ask(env)
    installation.kill(killed)
    env.answer(resumed)
    installation.start_bot(env.fake)
    env.wait_state(resumed)

    # One of two bots is killed, and the other one continues.
    installation.start_bot(env.fake)
    taken_over = ask(env)
    owner = installation.value(f"SELECT claim_owner FROM deliveries WHERE id = {taken_over.delivery}")
    installation.kill(next(process for process in installation.processes if f":{process.pid}:" in owner))
    env.answer(taken_over)
    env.wait_state(taken_over)
    for submission in (released, resumed, taken_over):
        assert "On the shelf" in submission.message.text
    assert env.channel.messages == [released.message, resumed.message, taken_over.message]


def test_killed__while_waiting_for_a_rate_limit(installation: Installation, env: DeliveryEnvironment):
    bot = installation.start_bot(env.fake)
    submission = ask(env)
    env.fake.rate_limit(EDIT_ORIGINAL, retry_after_s=10)
    env.answer(submission)
    env.wait(lambda: env.fake.requests_to(EDIT_ORIGINAL)[-1].status == 429, "a rate-limited request")
    installation.kill(bot)
    installation.start_bot(env.fake)
    env.wait_state(submission)
    assert "On the shelf" in submission.message.text
    assert env.channel.messages == [submission.message]


def test_killed__between_two_parts_of_a_long_answer(installation: Installation, env: DeliveryEnvironment):
    """The bot is killed after the first part was posted; Discord remembers the nonce only for some minutes."""
    bot = installation.start_bot(env.fake)
    for minutes in (0, 10):
        before = len(env.channel.messages)
        submission = ask(env)
        with env.fake.hold(POST, times=1, processed=True) as hold:
            env.answer(submission, LONG_ANSWER)
            hold.wait_arrived(timeout_s=60)
            installation.kill(bot)
        env.fake.clock.advance(minutes * 60)
        bot = installation.start_bot(env.fake)
        env.wait_state(submission)
        assert_three_parts(env.channel.messages[before:], submission)


def test_two_bots__twenty_questions_each_answered_once(installation: Installation, env: DeliveryEnvironment):
    installation.start_bot(env.fake)
    installation.start_bot(env.fake)
    submissions = [ask(env) for _ in range(20)]
    for number, one in enumerate(submissions):
        env.answer(one, LONG_ANSWER if number % 5 == 0 else "On the shelf [1].")
    for one in submissions:
        env.wait_state(one)
    for number, one in enumerate(submissions):
        assert ("Paragraph 0" if number % 5 == 0 else "On the shelf") in one.message.text
    assert len(env.channel.messages) == 20 + 4 * 2


def test_duplicate_messages__the_answer_is_shown_once(installation: Installation, env: DeliveryEnvironment):
    installation.start_bot(env.fake)
    submission = ask(env)
    submitter = Submitter(installation.database, installation.environment["REDIS_URL"], expires_s=3600)
    assert submitter.publish([(submission.job, "query")] * 3)
    installation.start_worker("query")
    env.wait_state(submission)
    edits = env.edits_of(submission)
    for _ in range(3):
        assert submitter.publish([(submission.job, "query")])
        env.run(f"SELECT pg_notify('refdesk_deliveries', '{submission.delivery}')")
    later = env.find_submission(env.person.slash("ask", question=QUESTION, channel=env.channel))
    env.wait_state(later)
    assert (env.edits_of(submission), env.count(POST)) == (edits, 0)
    assert env.value(f"SELECT attempt FROM jobs WHERE id = {submission.job}") == 1


def test_database_outage__during_delivery_the_answer_arrives_once(
    installation: Installation, env: DeliveryEnvironment, servers: ServerUrls
):
    installation.start_bot(env.fake)
    submission = ask(env)
    with env.fake.hold(POST, times=1, processed=True) as hold:
        env.answer(submission, LONG_ANSWER)
        hold.wait_arrived(timeout_s=60)
        outage = DatabaseOutage(env, servers.database_url)
    env.wait(lambda: "database unavailable" in installation.log_tail(), "the detected outage")
    outage.end()
    env.wait_state(submission)
    assert_three_parts(env.channel.messages, submission)
