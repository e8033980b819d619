"""The bot's own process and what may happen between the end of a job and its answer: killed, limited, doubled, cut off.

Jobs are moved by the test, as a worker moves them; where it matters that it is one, a real worker does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from embedded.servers import ServerUrls
from tasks.submit import Submitter
from tests.acceptance.conftest import Desk
from tests.delivery_harness import EDIT, EDIT_ORIGINAL, POST, Asked, Cut, Office
from tests.fake_discord import FakeDiscord, Person
from tests.fake_discord.model import Channel

QUESTION = "Where is the kettle?"
LONG = "\n\n".join(f"Paragraph {n}: " + "kettle and shelf " * 25 for n in range(11))
"""Three messages."""
QUARTER_HOUR_S = 15 * 60 + 60


@pytest.fixture
def office(desk: Desk, discord: FakeDiscord) -> Iterator[Office]:
    anna = discord.add_user("anna")
    channel = discord.add_channel(discord.add_guild("Kitchen", members=[anna]))
    with httpx.Client(trust_env=False) as http:
        yield Office(discord, desk.database, 0, anna, channel, http)


def ask(
    office: Office, *, person: Person | None = None, channel: Channel | None = None, private: bool = False
) -> Asked:
    options: dict[str, Any] = {"question": QUESTION} | ({"private": True} if private else {})
    interaction = (person or office.person).slash("ask", channel=channel or office.channel, options=options)
    asked = office.follow(interaction.wait_acknowledged(60))
    office.wait_text(asked.message, "Waiting")
    return asked


def assert_three_parts(office: Office, asked: Asked) -> None:
    first, second, third = office.channel.messages
    assert (first, second.reply_to, third.reply_to) == (asked.message, first, first)
    assert "Paragraph 10" in third.text


def test_thinking__ends_by_token_once(desk: Desk, office: Office):
    desk.start_bot(office.fake)
    asked = ask(office)
    office.answer(asked)
    office.wait_state(asked)
    assert office.count(EDIT_ORIGINAL) == 1
    assert office.count(EDIT) >= 1


def test_slow_worker__public_private_and_user_installed_answers_arrive(desk: Desk, office: Office):
    desk.start_bot(office.fake)
    eve = office.fake.add_user("eve", installed_app=True)
    foreign = office.fake.add_channel(office.fake.add_guild("Elsewhere", members=[eve], has_app=False))
    public, private = ask(office), ask(office, private=True)
    installed = ask(office, person=eve, channel=foreign)
    office.fake.clock.advance(QUARTER_HOUR_S)
    for one in (public, private, installed):
        office.answer(one)
        office.wait_state(one)
    assert "On the shelf" in public.message.text
    assert office.channel.messages == [public.message]
    assert [("On the shelf" in message.text) for message in (*office.person.dms, *eve.dms)] == [True, True]
    assert "On the shelf" not in private.message.text + installed.message.text


def test_places_that_close__the_answer_finds_the_person_or_says_why_not(desk: Desk, office: Office):
    desk.start_bot(office.fake)
    guild = office.channel.guild
    assert guild is not None
    deleted = ask(office, channel=office.fake.add_channel(guild, "deleted"))
    closed = ask(office, channel=office.fake.add_channel(guild, "closed"))
    office.fake.deny(closed.message.channel, office.fake.bot, "view_channel")
    office.fake.delete_channel(deleted.message.channel)
    ben = office.fake.add_user("ben", dms_open=False)
    office.fake.add_member(guild, ben)
    hall = office.fake.add_channel(guild, "hall")
    expired = ask(office, person=ben, channel=hall, private=True)
    office.run(f"UPDATE deliveries SET token_expires = now() WHERE id = {expired.delivery}")
    for one in (deleted, closed, expired):
        office.answer(one)
    office.wait_state(deleted)
    office.wait_state(closed)
    office.wait_state(expired, "undeliverable")
    assert ["On the shelf" in message.text for message in office.person.dms] == [True, True]
    shown = ben.slash("jobs show", channel=hall, job=str(expired.job)).wait_message("On the shelf", 60)
    assert shown.ephemeral
    assert hall.messages == []
    assert "50007" in desk.value(f"SELECT why FROM inspect.deliveries WHERE id = {expired.delivery}")


@pytest.mark.parametrize("successor", ["restarted", "another"])
def test_killed__between_the_end_of_the_job_and_its_delivery(desk: Desk, office: Office, successor: str):
    bot = desk.start_bot(office.fake)
    if successor == "another":
        desk.start_bot(office.fake)
    asked = ask(office)
    holder = next(
        process
        for process in desk.processes
        if f":{process.pid}:" in desk.value(f"SELECT claim_owner FROM deliveries WHERE id = {asked.delivery}")
    )
    desk.kill(holder)
    office.answer(asked)
    if successor == "restarted":
        assert holder is bot
        desk.start_bot(office.fake)
    office.wait_state(asked)
    assert "On the shelf" in asked.message.text
    assert office.channel.messages == [asked.message]


def test_killed__while_a_rate_limit_is_waited_for(desk: Desk, office: Office):
    bot = desk.start_bot(office.fake)
    asked = ask(office)
    office.fake.rate_limit(EDIT, retry_after_s=25)
    office.answer(asked)
    office.wait(lambda: any(request.status == 429 for request in office.fake.requests_to(EDIT)), "a limit")
    desk.kill(bot)
    desk.start_bot(office.fake)
    office.wait_state(asked)
    assert "On the shelf" in asked.message.text
    assert office.channel.messages == [asked.message]


@pytest.mark.parametrize("minutes", [0, 10])
def test_killed__between_two_parts_of_a_long_answer(desk: Desk, office: Office, minutes: int):
    """The first part is out, but the bot dies before it hears so; within minutes Discord knows the nonce, later not."""
    bot = desk.start_bot(office.fake)
    asked = ask(office)
    with office.fake.hold(POST, times=1, processed=True) as hold:
        office.answer(asked, LONG)
        hold.wait_arrived(timeout_s=60)
        desk.kill(bot)
    office.fake.clock.advance(minutes * 60)
    desk.start_bot(office.fake)
    office.wait_state(asked)
    assert_three_parts(office, asked)


def test_stopped__a_bot_that_is_asked_to_stop_leaves_its_deliveries_at_once(desk: Desk, office: Office):
    bot = desk.start_bot(office.fake)
    asked = ask(office)
    assert desk.stop(bot) == 0
    assert desk.value(f"SELECT claim_owner FROM deliveries WHERE id = {asked.delivery}") is None
    office.answer(asked)
    desk.start_bot(office.fake)
    office.wait_state(asked)


def test_two_bots__twenty_questions_each_answered_once(desk: Desk, office: Office):
    desk.start_bot(office.fake)
    desk.start_bot(office.fake)
    asked = [ask(office) for _ in range(20)]
    for number, one in enumerate(asked):
        office.answer(one, LONG if number % 5 == 0 else "On the shelf [1].")
    for one in asked:
        office.wait_state(one)
    for number, one in enumerate(asked):
        assert ("Paragraph 0" if number % 5 == 0 else "On the shelf") in one.message.text
    assert len(office.channel.messages) == 20 + 4 * 2


def test_twice_delivered__by_celery_and_by_notices_the_answer_is_shown_once(desk: Desk, office: Office):
    desk.start_bot(office.fake)
    asked = ask(office)
    submitter = Submitter(desk.database, desk.environment["REDIS_URL"], expires_s=3600)
    assert submitter.publish([(asked.job, "query")] * 3)
    desk.start_worker("query")
    office.wait_state(asked)
    edits = office.count(EDIT)
    for _ in range(3):
        assert submitter.publish([(asked.job, "query")])
        office.run(f"SELECT pg_notify('refdesk_deliveries', '{asked.delivery}')")
    later = office.follow(office.person.slash("ask", question=QUESTION, channel=office.channel))
    office.wait_state(later)
    assert office.count(EDIT) == edits + office.edits_of(later)
    assert (office.count(POST), office.count(EDIT_ORIGINAL)) == (0, 2)
    assert office.value(f"SELECT attempt FROM jobs WHERE id = {asked.job}") == 1


def test_database_away__in_the_middle_every_answer_comes_once(desk: Desk, office: Office, servers: ServerUrls):
    desk.start_bot(office.fake)
    asked = ask(office)
    with office.fake.hold(POST, times=1, processed=True) as hold:
        office.answer(asked, LONG)
        hold.wait_arrived(timeout_s=60)
        cut = Cut(office, servers.database_url)
    office.wait(lambda: "database away" in desk.tail(), "the database missed")
    cut.restore()
    office.wait_state(asked)
    assert_three_parts(office, asked)
