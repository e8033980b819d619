"""Fallback routes of an answer: the channel again, a direct message, or undeliverable with a reason."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from tests.delivery_harness import EDIT, EDIT_ORIGINAL, POST, open_environment

QUARTER_HOUR_S = 15 * 60


@pytest.fixture
def env(database_url, monkeypatch):
    with open_environment(database_url, monkeypatch) as env:
        yield env


def token_ends_in(env, submission, seconds):
    env.run(
        f"UPDATE deliveries SET token_expires = now() + interval '{seconds} seconds' WHERE id = {submission.delivery}"
    )


# ------------------------------------------------------------------------------------- tokens live for 15 minutes


def test_deferred__every_edit_uses_the_token_which_is_then_deleted(env):
    submission = env.ask(keep_token=True)
    env.start_bot()
    env.wait(lambda: not submission.message.loading, "the first edit")
    env.answer(submission)
    env.wait_state(submission)
    assert (env.count(EDIT_ORIGINAL), env.count(EDIT)) == (2, 0)
    assert env.row(submission).token is None
    assert "On the shelf" in submission.message.text


def test_deferred__whose_token_expires_is_edited_with_the_bot_token(env):
    submission = env.ask(keep_token=True)
    env.start_bot()
    env.wait(lambda: not submission.message.loading, "the first edit")
    token_ends_in(env, submission, 0)
    env.answer(submission)
    env.wait_state(submission)
    assert (env.count(EDIT_ORIGINAL), env.count(EDIT)) == (1, 1)
    assert "On the shelf" in submission.message.text


def test_deferred__with_a_rejected_token_is_edited_with_the_bot_token(env):
    submission = env.ask(keep_token=True)
    env.fake.clock.advance(15 * 60 + 1)
    env.start_bot()
    env.wait_text(submission.message, "Waiting")
    env.answer(submission)
    env.wait_state(submission)
    assert [request.error_code for request in env.fake.requests_to(EDIT_ORIGINAL)] == [50027]
    assert "On the shelf" in submission.message.text
    assert env.person.dms == []


def test_slow_public_answer__edits_its_message(env):
    env.start_bot()
    submission = env.ask()
    env.wait_text(submission.message, "Waiting")
    env.fake.clock.advance(QUARTER_HOUR_S + 60)
    env.answer(submission)
    env.wait_state(submission)
    assert "On the shelf" in submission.message.text
    assert env.channel.messages == [submission.message]
    assert env.count(EDIT_ORIGINAL) == 0


def test_private_answer__edits_its_message_with_a_valid_token(env):
    env.start_bot()
    submission = env.ask(private=True)
    env.wait_text(submission.message, "Waiting")
    env.answer(submission)
    env.wait_state(submission)
    assert "On the shelf" in submission.message.text
    assert env.person.dms == []
    assert env.value(f"SELECT token IS NULL FROM deliveries WHERE id = {submission.delivery}")


def test_slow_private_answer__announces_and_sends_a_direct_message(env):
    env.start_bot()
    submission = env.ask(private=True)
    env.wait_text(submission.message, "Waiting")
    token_ends_in(env, submission, 60)
    env.wait_text(submission.message, "direct message")
    edits = env.count(EDIT_ORIGINAL)
    lease = env.claim_job(submission)
    token_ends_in(env, submission, -1)
    env.fake.clock.advance(QUARTER_HOUR_S + 60)
    env.wait_three_renewals()
    assert env.count(EDIT_ORIGINAL) == edits
    env.succeed(lease)
    env.wait_state(submission)
    (answer,) = env.person.dms
    assert "On the shelf" in answer.text
    assert env.channel.messages == []
    assert env.count(EDIT_ORIGINAL) == edits


def test_slow_answer_of_a_user_installed_app__is_sent_as_direct_message(env):
    env.start_bot()
    eve = env.fake.add_user("eve", installed_app=True)
    foreign = env.fake.add_channel(env.fake.add_guild("Elsewhere", members=[eve], has_app=False))
    submission = env.ask(channel=foreign, person=eve)
    env.wait_text(submission.message, "Waiting")
    env.fake.clock.advance(QUARTER_HOUR_S + 60)
    env.answer(submission)
    env.wait_state(submission)
    (answer,) = eve.dms
    assert "On the shelf" in answer.text
    assert "On the shelf" not in submission.message.text


def test_expired_token__is_not_used_again_after_discord_rejected_it(env):
    env.start_bot()
    submission = env.ask(private=True)
    env.wait_text(submission.message, "Waiting")
    env.fake.clock.advance(QUARTER_HOUR_S + 60)
    lease = env.claim_job(submission)
    env.wait(lambda: env.fake.requests_to(EDIT_ORIGINAL)[-1].error_code == 50027, "a refusal")
    refused = env.count(EDIT_ORIGINAL)
    for done in range(5):
        env.report(lease, "rerank", done, 5)
    env.wait_three_renewals()
    assert env.count(EDIT_ORIGINAL) == refused
    env.succeed(lease)
    env.wait_state(submission)
    assert "On the shelf" in env.person.dms[0].text
    assert env.count(EDIT_ORIGINAL) == refused + 1


# ------------------------------------------------------------------------------------------------- no access, deleted


def test_deleted_channel__the_answer_is_sent_as_direct_message(env):
    env.start_bot()
    submission = env.ask()
    env.wait_text(submission.message, "Waiting")
    env.fake.delete_channel(env.channel)
    env.answer(submission)
    env.wait_state(submission)
    (answer,) = env.person.dms
    assert "On the shelf" in answer.text
    row = env.row(submission)
    assert (row.route, row.channel_id, row.message_id) == ("channel", str(env.person.dm.id), str(answer.id))


def test_lost_permission__the_answer_is_sent_as_direct_message(env):
    env.start_bot()
    submission = env.ask()
    env.wait_text(submission.message, "Waiting")
    env.fake.deny(env.channel, env.fake.bot, "view_channel")
    lease = env.claim_job(submission)
    env.wait(lambda: env.fake.requests_to(EDIT)[-1].error_code == 50001, "a refusal")
    edits = env.count(EDIT)
    env.report(lease, "rerank", 1, 2)
    env.wait_three_renewals()
    assert env.count(EDIT) == edits
    env.succeed(lease)
    env.wait_state(submission)
    assert "On the shelf" in env.person.dms[0].text


def test_closed_direct_messages__undeliverable_with_the_reason_in_the_inspect_view(env):
    env.start_bot()
    submission = env.ask(private=True)
    env.wait_text(submission.message, "Waiting")
    env.person.dms_open = False
    token_ends_in(env, submission, -1)
    env.answer(submission)
    env.wait_state(submission, "undeliverable")
    with env.database.inspect() as session:
        why = session.scalar(text(f"SELECT why FROM inspect.deliveries WHERE id = {submission.delivery}"))
    assert "50007" in why
    assert "/jobs" in why
    assert env.value(f"SELECT result IS NOT NULL FROM jobs WHERE id = {submission.job}")
    assert env.count(POST) == 1


def test_deleted_message__the_answer_is_a_new_message_once(env):
    env.start_bot()
    submission = env.ask()
    env.wait_text(submission.message, "Waiting")
    env.fake.delete_message(submission.message)
    env.answer(submission)
    env.wait_state(submission)
    (answer,) = env.channel.messages
    assert "On the shelf" in answer.text
    assert env.row(submission).message_id == str(answer.id)


def test_deleted_message__of_a_mention_is_replaced_under_another_nonce(env):
    env.start_bot()
    submission = env.ask_by_mention(env.person.say(env.channel, "where?", mentions_bot=True))
    env.wait(lambda: len(env.channel.messages) == 2, "a reply")
    env.fake.delete_message(env.channel.messages[1])
    env.answer(submission)
    env.wait_state(submission)
    assert "On the shelf" in env.channel.messages[1].text


def test_archived_thread__the_answer_reopens_it(env):
    env.start_bot()
    thread = env.person.start_thread(env.person.say(env.channel, "tea"), "tea")
    submission = env.ask(channel=thread)
    env.wait_text(submission.message, "Waiting")
    env.fake.archive(thread)
    env.answer(submission)
    env.wait_state(submission)
    assert "On the shelf" in thread.messages[-1].text


def test_locked_thread__the_answer_is_sent_as_direct_message(env):
    env.start_bot()
    thread = env.person.start_thread(env.person.say(env.channel, "tea"), "tea")
    submission = env.ask(channel=thread)
    env.wait_text(submission.message, "Waiting")
    env.fake.archive(thread, locked=True)
    env.answer(submission)
    env.wait_state(submission)
    assert "On the shelf" in env.person.dms[0].text


def test_edit_limit__of_an_old_message_leads_to_a_new_message(env):
    env.start_bot()
    submission = env.ask()
    env.wait_text(submission.message, "Waiting")
    env.fake.world.old_edit_cap = 0
    env.fake.clock.advance(3700)
    env.run("UPDATE deliveries SET created_at = now() - interval '3700 seconds'")
    env.answer(submission)
    env.wait_state(submission)
    assert "On the shelf" in env.channel.messages[-1].text
    assert len(env.channel.messages) == 2


def test_no_history_permission__parts_are_posted_without_a_reference(env):
    env.start_bot()
    env.fake.deny(env.channel, env.fake.bot, "read_message_history")
    submission = env.ask()
    env.answer(submission, "\n\n".join("kettle and shelf " * 25 for _ in range(7)))
    env.wait_state(submission)
    assert [message.reply_to for message in env.channel.messages] == [None, None]


def test_direct_message_of_the_bot__is_edited_like_any_channel(env):
    env.start_bot()
    submission = env.ask(channel=env.person.dm, private=True)
    env.wait_text(submission.message, "Waiting")
    env.fake.clock.advance(QUARTER_HOUR_S + 60)
    env.answer(submission)
    env.wait_state(submission)
    assert "On the shelf" in submission.message.text
    assert env.person.dms == [submission.message]


def test_missing_post_permission__a_late_answer_is_shown_once_without_a_notice(env):
    env.fake.deny(env.channel, env.fake.bot, "send_messages")
    env.start_bot()
    submission, long = env.ask(), env.ask()
    env.wait_text(long.message, "Waiting")
    env.run("UPDATE deliveries SET created_at = now() - interval '3 minutes'")
    env.answer(submission)
    env.answer(long, "\n\n".join(f"Paragraph {n}: " + "kettle and shelf " * 25 for n in range(11)))
    env.wait_state(submission)
    env.wait_state(long)
    assert "On the shelf" in submission.message.text
    assert [file.filename for file in long.message.attachments] == ["answer.md"]
    assert env.person.dms == []
    assert len(env.channel.messages) == 2


def test_long_rate_limit__on_a_new_message_is_waited_for(env):
    env.start_bot()
    submission = env.ask()
    env.wait_text(submission.message, "Waiting")
    env.fake.rate_limit(EDIT, retry_after_s=90, scope="global")
    env.answer(submission)
    env.wait(lambda: env.row(submission).attempts == 1, "a postponed delivery")
    row = env.row(submission)
    assert (row.state, row.message_id) == ("open", str(submission.message.id))
    assert env.value(f"SELECT due_at > now() + interval '60 seconds' FROM deliveries WHERE id = {submission.delivery}")
    assert env.channel.messages == [submission.message]


def test_killed__after_rerouting_all_parts_are_sent_to_the_direct_messages(env):
    """Parts sent to the channel do not count for the direct messages, whenever the process dies."""
    bot = env.start_bot()
    submission = env.ask()
    hold = env.fake.hold(POST, times=1)
    env.answer(submission, "\n\n".join(f"Paragraph {n}: " + "kettle and shelf " * 25 for n in range(11)))
    hold.wait_arrived()
    with env.fake.hold(POST, times=1) as second:
        hold.release()
        second.wait_arrived()
        assert env.row(submission).parts_sent == 1
        env.fake.delete_channel(env.channel)
    with env.fake.hold(POST, times=1) as direct:
        direct.wait_arrived()
        bot.kill()
    assert (env.row(submission).parts_sent, env.row(submission).message_id) == (0, None)
    env.start_bot()
    env.wait_state(submission)
    assert len(env.person.dms) == 3
