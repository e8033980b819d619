"""The courier against a real database and a fake Discord: jobs move, messages follow."""

from __future__ import annotations

import itertools

import pytest
from sqlalchemy import text

from db import jobs
from pipeline.errors import InvalidQuestion, UnreadableFile
from tests.delivery_harness import EDIT, EDIT_ORIGINAL, POST, open_office
from tests.fake_discord.model import SILENT

LONG = "\n\n".join(f"Paragraph {n}: " + "kettle and shelf " * 25 for n in range(11))
"""Three messages."""


@pytest.fixture
def office(database_url, monkeypatch):
    with open_office(database_url, monkeypatch) as office:
        yield office


def test_progress__is_shown_as_it_changes_and_the_answer_takes_its_place(office):
    office.start_bot()
    asked = office.ask()
    office.wait_text(asked.message, "Waiting")
    lease = office.begin(asked)
    office.wait_text(asked.message, "Searching")
    office.report(lease, "rerank", 12, 50)
    office.wait_text(asked.message, "12 of 50")
    office.report(lease, "generate", said="On the")
    office.wait_text(asked.message, "On the ▌")
    office.succeed(lease)
    office.wait_state(asked)
    assert "On the shelf [1]." in asked.message.text
    assert asked.message.component("Sources")
    assert not asked.message.component("Cancel")
    assert len(office.channel.messages) == 1
    assert office.value(f"SELECT delivered_at IS NOT NULL FROM jobs WHERE id = {asked.job}")


def test_progress__at_most_one_edit_a_second_and_the_last_change_is_shown(office):
    office.start_bot()
    asked = office.ask()
    lease = office.begin(asked)
    for done in range(1, 51):
        office.report(lease, "rerank", done, 50)
    office.wait_text(asked.message, "50 of 50")
    office.succeed(lease)
    office.wait_state(asked)
    times = [request.at for request in office.fake.requests_to(EDIT)]
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) >= 0.99


def test_progress__nothing_is_edited_while_nothing_changes(office):
    office.start_bot()
    asked = office.ask()
    office.begin(asked)
    office.wait_text(asked.message, "Searching")
    edits = office.count(EDIT)
    office.run(f"UPDATE jobs SET lease_expires = now() + interval '2 hours' WHERE id = {asked.job}")
    office.wait_quiet()
    assert office.count(EDIT) == edits


def test_notices__nothing_depends_on_them(office, monkeypatch):
    monkeypatch.setattr("bot.delivery.listener.NotificationListener.start", lambda self: None)
    office.start_bot()
    asked = office.ask()
    office.wait_text(asked.message, "Waiting")
    office.answer(asked)
    office.wait_state(asked)


def test_notices__after_a_lost_connection_everything_held_is_looked_at(office):
    bot = office.start_bot(lease_s=120, renew_s=60)
    asked = office.ask()
    office.wait_text(asked.message, "Waiting")
    office.wait(lambda: bot.delivery_worker.health().listening, "listening")
    office.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    )
    office.answer(asked)
    office.wait_state(asked)


def test_notices__twice_the_same_end_is_shown_once(office):
    office.start_bot()
    asked = office.ask()
    office.answer(asked)
    office.wait_state(asked)
    edits, posts = office.count(EDIT), office.count(POST)
    other = office.ask()
    for _ in range(3):
        office.run(f"SELECT pg_notify('refdesk_deliveries', '{asked.delivery}')")
    office.answer(other)
    office.wait_state(other)
    assert (office.count(EDIT), office.count(POST)) == (edits + office.edits_of(other), posts)
    with office.database.system() as session:
        assert jobs.claim(session, asked.job, worker="second", stage="start", lease_s=60) is None


def test_wake__claims_at_once_without_waiting_for_a_look(office, monkeypatch):
    monkeypatch.setattr("bot.delivery.listener.NotificationListener.start", lambda self: None)
    bot = office.start_bot(lease_s=120, renew_s=60)
    office.wait_claimed_nothing(bot)
    asked = office.ask()
    bot.wake(asked.delivery)
    office.wait_text(asked.message, "Waiting")


def test_ingest__a_card_lives_until_its_last_job_ends(office):
    office.start_bot()
    payloads = ({"name": "a.pdf", "source": "a.pdf"}, {"name": "b.pdf", "source": "b.pdf"})
    _, message = office.defer(office.channel, office.person, private=False)
    card = office.submit(
        office.channel, office.person, message=message, message_id=str(message.id), kind="ingest", payloads=payloads
    )
    lease = office.begin(card, "parse")
    with office.database.system() as session:
        jobs.fail(session, lease, UnreadableFile("a.pdf is damaged."))
    office.wait_text(message, "damaged")
    assert office.row(card).state == "open"
    lease = office.begin(card, "parse", number=1)
    with office.database.system() as session:
        jobs.succeed(session, lease, {"chunks": 3, "document": 1})
    office.wait_state(card)
    assert message.component("Retry") or message.component(f"rd:retry:{card.delivery}")


def test_failure__is_shown_and_a_retry_shows_its_result_in_the_same_message(office):
    office.start_bot()
    asked = office.ask()
    office.fail(asked, InvalidQuestion("The question is empty."))
    office.wait_state(asked)
    assert asked.message.component(f"rd:retry:{asked.delivery}")
    with office.database.tenant(office.workspace) as session:
        jobs.retry(session, asked.job)
    office.wait_text(asked.message, "Waiting")
    office.answer(asked)
    office.wait_state(asked)
    assert "On the shelf" in asked.message.text
    assert office.row(asked).generation == 2
    assert len(office.channel.messages) == 1


def test_retry__of_one_document_while_another_is_still_worked_on(office):
    office.start_bot()
    payloads = ({"name": "a.pdf", "source": "a.pdf"}, {"name": "b.pdf", "source": "b.pdf"})
    _, message = office.defer(office.channel, office.person, private=False)
    card = office.submit(
        office.channel, office.person, message=message, message_id=str(message.id), kind="ingest", payloads=payloads
    )
    lease = office.begin(card, "parse")
    other = office.begin(card, "parse", number=1)
    with office.database.system() as session:
        jobs.fail(session, lease, UnreadableFile("a.pdf is damaged."))
    office.wait_text(message, "damaged")
    with office.database.tenant(office.workspace) as session:
        jobs.retry(session, card.job)
    office.wait(lambda: "damaged" not in message.text, "the document tried again")
    for held in (other, office.begin(card, "parse")):
        with office.database.system() as session:
            jobs.succeed(session, held, {"chunks": 3, "document": 1})
    office.wait_state(card)
    assert office.channel.messages == [message]


def test_refused_message__a_plain_one_says_where_the_answer_is(office):
    office.start_bot()
    asked, hopeless = office.ask(), office.ask()
    office.wait_text(hopeless.message, "Waiting")
    for one, times in ((asked, 1), (hopeless, 2)):
        office.fake.fail(f"PATCH /channels/*/messages/{one.message.id}", status=400, times=times)
        office.answer(one)
    office.wait_state(asked)
    assert f"/jobs show {asked.job}" in asked.message.text
    office.wait_state(hopeless, "undeliverable")


def test_long_answer__three_messages_that_belong_together(office):
    office.start_bot()
    asked = office.ask()
    office.answer(asked, LONG)
    office.wait_state(asked)
    first, second, third = office.channel.messages
    assert first is asked.message
    assert (second.reply_to, third.reply_to) == (first, first)
    assert "Paragraph 0" in first.text
    assert "Paragraph 10" in third.text
    assert third.component("Sources")


def test_very_long_answer__becomes_a_file(office):
    office.start_bot()
    asked = office.ask()
    office.answer(asked, LONG * 2)
    office.wait_state(asked)
    assert [file.filename for file in asked.message.attachments] == ["answer.md"]
    assert len(office.channel.messages) == 1


def test_long_private_answer__is_one_message_with_a_file(office):
    office.start_bot()
    asked = office.ask(private=True)
    office.answer(asked, LONG)
    office.wait_state(asked)
    assert [file.filename for file in asked.message.attachments] == ["answer.md"]
    assert b"Paragraph 10" in asked.message.attachments[0].data
    assert asked.message.component("Sources")
    assert office.count(EDIT_ORIGINAL) >= 1
    assert office.channel.messages == []


def test_late_answer__a_reply_says_that_it_is_there(office):
    office.start_bot()
    asked, quick = office.ask(), office.ask()
    office.run(f"UPDATE deliveries SET created_at = now() - interval '3 minutes' WHERE id = {asked.delivery}")
    office.answer(asked)
    office.answer(quick)
    office.wait_state(asked)
    office.wait_state(quick)
    notice = office.channel.messages[-1]
    assert (notice.reply_to, notice.text) == (asked.message, "Your answer is ready.")
    assert len(office.channel.messages) == 3


def test_mention__the_message_is_posted_silently_as_a_reply_and_then_edited(office):
    office.start_bot()
    said = office.person.say(office.channel, "and the cups?", mentions_bot=True)
    asked = office.ask_by_mention(said)
    office.wait(lambda: len(office.channel.messages) == 2, "a reply")
    reply = office.channel.messages[1]
    assert reply.reply_to is said
    assert reply.flags & SILENT
    office.answer(asked)
    office.wait_state(asked)
    assert "On the shelf" in reply.text
    assert len(office.channel.messages) == 2
    assert office.row(asked).message_id == str(reply.id)


def test_pings__no_message_asks_for_any(office):
    office.start_bot()
    role = office.fake.add_role(office.channel.guild, "everybody", mentionable=True)
    said = office.person.say(office.channel, "hello", mentions_bot=True)
    poison = f"@everyone @here <@{office.person.id}> <@&{role.id}> "
    asked = [office.ask(), office.ask_by_mention(said)]
    office.run(f"UPDATE deliveries SET created_at = now() - interval '3 minutes' WHERE id = {asked[0].delivery}")
    lease = office.begin(asked[0])
    office.report(lease, "generate", said=poison)
    office.wait_text(asked[0].message, "everyone")
    office.succeed(lease, poison * 3)
    office.answer(asked[1], poison + LONG)
    for one in asked:
        office.wait_state(one)
    assert not any(message.pings for message in office.channel.messages if message.author is office.fake.bot)
    sent = office.fake.requests_to(EDIT) + office.fake.requests_to(POST)
    assert all(request.body["allowed_mentions"]["parse"] == [] for request in sent)
    assert not any(request.body["allowed_mentions"].get("replied_user") for request in sent)


def test_fault__one_that_cannot_be_drawn_is_tried_a_few_times_and_stops_nobody(office):
    office.start_bot()
    broken, good = office.ask(), office.ask()
    with office.database.system() as session:
        session.execute(text(f"UPDATE deliveries SET attempts = 3 WHERE id = {broken.delivery}"))
    lease = office.begin(broken)
    with office.database.system() as session:
        jobs.succeed(session, lease, {"answer": "x", "abstained": False, "citations": [7]})
    office.answer(good)
    office.wait_state(good)
    office.wait(lambda: office.row(broken).attempts == 4, "a postponed delivery")
    assert office.row(broken).claim_owner is None
    office.run(f"UPDATE deliveries SET due_at = now() WHERE id = {broken.delivery}")
    office.wait_state(broken, "undeliverable")
    assert "in the bot" in office.row(broken).error
