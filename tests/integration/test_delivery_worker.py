"""The delivery worker on a real database and a fake Discord: messages show the state of their jobs."""

from __future__ import annotations

import itertools

import pytest
from sqlalchemy import text

from db import jobs
from pipeline.errors import InvalidQuestion, UnreadableFile
from tests.delivery_harness import EDIT, EDIT_ORIGINAL, POST, open_environment
from tests.fake_discord.model import SILENT, Pings

LONG = "\n\n".join(f"Paragraph {n}: " + "kettle and shelf " * 25 for n in range(11))
"""An answer of three messages."""


@pytest.fixture
def env(database_url, monkeypatch):
    with open_environment(database_url, monkeypatch) as env:
        yield env


def test_progress__is_shown_and_then_replaced_by_the_answer(env):
    env.start_bot()
    submission = env.ask()
    env.wait_text(submission.message, "Waiting")
    lease = env.claim_job(submission)
    env.wait_text(submission.message, "Searching")
    env.report(lease, "rerank", 12, 50)
    env.wait_text(submission.message, "12 of 50")
    env.report(lease, "generate", text="On the")
    env.wait_text(submission.message, "On the ▌")
    env.succeed(lease)
    env.wait_state(submission)
    assert "On the shelf [1]." in submission.message.text
    assert submission.message.component("Sources")
    assert not submission.message.component("Cancel")
    assert len(env.channel.messages) == 1
    assert env.value(f"SELECT delivered_at IS NOT NULL FROM jobs WHERE id = {submission.job}")


def test_progress__at_most_one_edit_per_second_and_the_last_change_is_shown(env):
    env.start_bot()
    submission = env.ask()
    lease = env.claim_job(submission)
    env.report(lease, "rerank", 1, 50)
    env.wait_text(submission.message, "1 of 50")
    for done in range(2, 51):
        env.report(lease, "rerank", done, 50)
    env.wait_text(submission.message, "50 of 50")
    times = [request.at for request in env.fake.requests_to(EDIT)]
    env.succeed(lease)
    env.wait_state(submission)
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) >= 0.99


def test_progress__no_edit_without_a_change(env):
    env.start_bot()
    submission = env.ask()
    env.claim_job(submission)
    env.wait_text(submission.message, "Searching")
    edits = env.count(EDIT)
    env.run(f"UPDATE jobs SET lease_expires = now() + interval '2 hours' WHERE id = {submission.job}")
    env.wait_three_renewals()
    assert env.count(EDIT) == edits


def test_notifications__are_not_required(env, monkeypatch):
    monkeypatch.setattr("bot.delivery.listener.NotificationListener.start", lambda self: None)
    env.start_bot()
    submission = env.ask()
    env.wait_text(submission.message, "Waiting")
    env.answer(submission)
    env.wait_state(submission)


def test_notifications__after_a_lost_connection_all_claimed_deliveries_are_read(env):
    bot = env.start_bot(lease_s=120, renew_s=60)
    submission = env.ask()
    env.wait_text(submission.message, "Waiting")
    env.wait(lambda: bot.delivery_worker.health().listening, "listening")
    env.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    )
    env.answer(submission)
    env.wait_state(submission)


def test_notifications__a_repeated_one_shows_the_result_once(env):
    env.start_bot()
    submission = env.ask()
    env.answer(submission)
    env.wait_state(submission)
    edits, posts = env.count(EDIT), env.count(POST)
    other = env.ask()
    for _ in range(3):
        env.run(f"SELECT pg_notify('refdesk_deliveries', '{submission.delivery}')")
    env.answer(other)
    env.wait_state(other)
    assert (env.count(EDIT), env.count(POST)) == (edits + env.edits_of(other), posts)
    with env.database.system() as session:
        assert jobs.claim(session, submission.job, worker="second", stage="start", lease_s=60) is None


def test_lost_commit__the_job_that_runs_again_is_shown_again(env):
    """PostgreSQL, killed, may lose the last changes of workers: a job that had ended runs again."""
    env.start_bot()
    submission = env.ask()
    env.wait_text(submission.message, "Waiting")
    with env.fake.hold(EDIT, times=1, processed=True) as hold:
        env.answer(submission, "From the lost attempt [1].")
        hold.wait_arrived()
        env.run(
            "UPDATE jobs SET state = 'queued', stage = '', result = NULL, finished_at = NULL, writer_token = NULL"
            f" WHERE id = {submission.job}"
        )
    env.answer(submission)
    env.wait_state(submission)
    assert "On the shelf" in submission.message.text
    assert len(env.channel.messages) == 1
    assert env.value(f"SELECT delivered_at IS NOT NULL FROM jobs WHERE id = {submission.job}")


def test_wake__claims_immediately(env, monkeypatch):
    monkeypatch.setattr("bot.delivery.listener.NotificationListener.start", lambda self: None)
    bot = env.start_bot(lease_s=120, renew_s=60)
    env.wait_first_claim_round(bot)
    submission = env.ask()
    bot.wake(submission.delivery)
    env.wait_text(submission.message, "Waiting")


def test_ingest__the_delivery_stays_open_until_its_last_job_ends(env):
    env.start_bot()
    payloads = ({"name": "a.pdf", "source": "a.pdf"}, {"name": "b.pdf", "source": "b.pdf"})
    _, message = env.defer(env.channel, env.person, private=False)
    card = env.submit(
        env.channel, env.person, message=message, message_id=str(message.id), kind="ingest", payloads=payloads
    )
    lease = env.claim_job(card, "parse")
    with env.database.system() as session:
        jobs.fail(session, lease, UnreadableFile("a.pdf is damaged."))
    env.wait_text(message, "damaged")
    assert env.row(card).state == "open"
    lease = env.claim_job(card, "parse", number=1)
    with env.database.system() as session:
        jobs.succeed(session, lease, {"chunks": 3, "document": 1})
    env.wait_state(card)
    assert message.component("Retry") or message.component(f"rd:retry:{card.delivery}")


def test_failure__is_shown_and_a_retry_shows_its_result_in_the_same_message(env):
    env.start_bot()
    submission = env.ask()
    env.fail(submission, InvalidQuestion("The question is empty."))
    env.wait_state(submission)
    assert submission.message.component(f"rd:retry:{submission.delivery}")
    with env.database.tenant(env.workspace) as session:
        jobs.retry(session, submission.job)
    env.wait_text(submission.message, "Waiting")
    env.answer(submission)
    env.wait_state(submission)
    assert "On the shelf" in submission.message.text
    assert env.row(submission).generation == 2
    assert len(env.channel.messages) == 1


def test_retry__of_one_document_while_another_is_running(env):
    env.start_bot()
    payloads = ({"name": "a.pdf", "source": "a.pdf"}, {"name": "b.pdf", "source": "b.pdf"})
    _, message = env.defer(env.channel, env.person, private=False)
    card = env.submit(
        env.channel, env.person, message=message, message_id=str(message.id), kind="ingest", payloads=payloads
    )
    lease = env.claim_job(card, "parse")
    other = env.claim_job(card, "parse", number=1)
    with env.database.system() as session:
        jobs.fail(session, lease, UnreadableFile("a.pdf is damaged."))
    env.wait_text(message, "damaged")
    with env.database.tenant(env.workspace) as session:
        jobs.retry(session, card.job)
    env.wait(lambda: "damaged" not in message.text, "the retried document")
    for running in (other, env.claim_job(card, "parse")):
        with env.database.system() as session:
            jobs.succeed(session, running, {"chunks": 3, "document": 1})
    env.wait_state(card)
    assert env.channel.messages == [message]


def test_rejected_message__a_notice_names_the_command_for_the_answer(env):
    env.start_bot()
    submission, rejected_twice = env.ask(), env.ask()
    env.wait_text(rejected_twice.message, "Waiting")
    for one, times in ((submission, 1), (rejected_twice, 2)):
        env.fake.fail(f"PATCH /channels/*/messages/{one.message.id}", status=400, times=times)
        env.answer(one)
    env.wait_state(submission)
    assert f"/jobs show {submission.job}" in submission.message.text
    env.wait_state(rejected_twice, "undeliverable")


def test_missing_embed_links__the_answer_replaces_the_progress_as_text(env):
    env.start_bot()
    env.fake.deny(env.channel, env.fake.bot, "embed_links")
    submission = env.ask()
    lease = env.claim_job(submission)
    env.report(lease, "generate", text="On the")
    env.wait_text(submission.message, "writing…")
    env.succeed(lease)
    env.wait_state(submission)
    assert submission.message.text.startswith("> Where is the kettle?\nOn the shelf [1].\n**[1]** Kitchen")
    assert submission.message.component("Sources")
    assert env.channel.messages == [submission.message]
    assert env.person.dms == []


def test_missing_attach_files__the_message_says_that_the_answer_is_a_direct_message(env):
    env.start_bot()
    env.fake.deny(env.channel, env.fake.bot, "attach_files")
    submission = env.ask()
    lease = env.claim_job(submission)
    env.report(lease, "generate", text="On the")
    env.wait_text(submission.message, "writing…")
    env.succeed(lease, LONG * 2)
    env.wait_state(submission)
    assert "*Attach Files*" in submission.message.text
    assert "writing…" not in submission.message.text
    assert [file.filename for message in env.person.dms for file in message.attachments] == ["answer.md"]


def test_long_answer__three_messages_linked_by_replies(env):
    env.start_bot()
    submission = env.ask()
    env.answer(submission, LONG)
    env.wait_state(submission)
    first, second, third = env.channel.messages
    assert first is submission.message
    assert (second.reply_to, third.reply_to) == (first, first)
    assert "Paragraph 0" in first.text
    assert "Paragraph 10" in third.text
    assert third.component("Sources")


def test_very_long_answer__becomes_a_file(env):
    env.start_bot()
    submission = env.ask()
    env.answer(submission, LONG * 2)
    env.wait_state(submission)
    assert [file.filename for file in submission.message.attachments] == ["answer.md"]
    assert len(env.channel.messages) == 1


def test_long_private_answer__is_one_message_with_a_file(env):
    env.start_bot()
    submission = env.ask(private=True)
    env.answer(submission, LONG)
    env.wait_state(submission)
    assert [file.filename for file in submission.message.attachments] == ["answer.md"]
    assert b"Paragraph 10" in submission.message.attachments[0].data
    assert submission.message.component("Sources")
    assert env.count(EDIT_ORIGINAL) >= 1
    assert env.channel.messages == []


def test_late_answer__a_reply_announces_it(env):
    env.start_bot()
    submission, quick = env.ask(), env.ask()
    env.run(f"UPDATE deliveries SET created_at = now() - interval '3 minutes' WHERE id = {submission.delivery}")
    env.answer(submission)
    env.answer(quick)
    env.wait_state(submission)
    env.wait_state(quick)
    notice = env.channel.messages[-1]
    assert (notice.reply_to, notice.text) == (submission.message, f"<@{env.person.id}> Your answer is ready.")
    assert len(env.channel.messages) == 3


def test_mention__the_message_is_posted_silently_as_a_reply_and_then_edited(env):
    env.start_bot()
    said = env.person.say(env.channel, "and the cups?", mentions_bot=True)
    submission = env.ask_by_mention(said)
    env.wait(lambda: len(env.channel.messages) == 2, "a reply")
    reply = env.channel.messages[1]
    assert reply.reply_to is said
    assert reply.flags & SILENT
    env.answer(submission)
    env.wait_state(submission)
    assert "On the shelf" in reply.text
    assert len(env.channel.messages) == 2
    assert env.row(submission).message_id == str(reply.id)


def test_mentions__only_the_notice_pings_and_only_the_asker(env):
    env.start_bot()
    role = env.fake.add_role(env.channel.guild, "everybody", mentionable=True)
    said = env.person.say(env.channel, "hello", mentions_bot=True)
    mentions = f"@everyone @here <@{env.person.id}> <@&{role.id}> "
    submissions = [env.ask(), env.ask_by_mention(said)]
    env.run(f"UPDATE deliveries SET created_at = now() - interval '3 minutes' WHERE id = {submissions[0].delivery}")
    lease = env.claim_job(submissions[0])
    env.report(lease, "generate", text=mentions)
    env.wait_text(submissions[0].message, "everyone")
    env.succeed(lease, mentions * 3)
    env.answer(submissions[1], mentions + LONG)
    for one in submissions:
        env.wait_state(one)
    pinging = [message for message in env.channel.messages if message.pings and message.author is env.fake.bot]
    assert [message.text for message in pinging] == [f"<@{env.person.id}> Your answer is ready."]
    assert pinging[0].pings == Pings(users=frozenset({env.person.id}))
    sent = env.fake.requests_to(EDIT) + env.fake.requests_to(POST)
    assert all(request.body["allowed_mentions"]["parse"] == [] for request in sent)
    assert not any(request.body["allowed_mentions"].get("replied_user") for request in sent)


def test_internal_error__is_retried_a_few_times_and_affects_no_other_delivery(env):
    env.start_bot()
    broken, good = env.ask(), env.ask()
    with env.database.system() as session:
        session.execute(text(f"UPDATE deliveries SET attempts = 3 WHERE id = {broken.delivery}"))
    lease = env.claim_job(broken)
    with env.database.system() as session:
        jobs.succeed(session, lease, {"answer": "x", "abstained": False, "citations": [7]})
    env.answer(good)
    env.wait_state(good)
    env.wait(lambda: env.row(broken).attempts == 4, "a postponed delivery")
    assert env.row(broken).claim_owner is None
    env.run(f"UPDATE deliveries SET due_at = now() WHERE id = {broken.delivery}")
    env.wait_state(broken, "undeliverable")
    assert "in the bot" in env.row(broken).error
