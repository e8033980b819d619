"""Where an answer goes when its first place is gone: the channel again, a direct message, or nowhere, with a reason."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from tests.delivery_harness import EDIT, EDIT_ORIGINAL, POST, open_office

QUARTER_HOUR_S = 15 * 60


@pytest.fixture
def office(database_url, monkeypatch):
    with open_office(database_url, monkeypatch) as office:
        yield office


def token_ends_in(office, asked, seconds):
    office.run(
        f"UPDATE deliveries SET token_expires = now() + interval '{seconds} seconds' WHERE id = {asked.delivery}"
    )


# ------------------------------------------------------------------------------------------------- after 15 minutes


def test_thinking__ends_by_the_token_and_all_else_is_the_bots_own(office):
    asked = office.ask(keep_token=True)
    office.start_bot()
    office.wait(lambda: not asked.message.loading, "the first state")
    assert (office.count(EDIT_ORIGINAL), office.count(EDIT)) == (1, 0)
    office.wait(lambda: office.row(asked).token is None, "the token forgotten")
    office.answer(asked)
    office.wait_state(asked)
    assert office.count(EDIT_ORIGINAL) == 1
    assert "On the shelf" in asked.message.text


def test_thinking__with_a_token_that_discord_does_not_take_ends_by_the_bots_own(office):
    asked = office.ask(keep_token=True)
    office.fake.clock.advance(15 * 60 + 1)
    office.start_bot()
    office.answer(asked)
    office.wait_state(asked)
    assert office.fake.requests_to(EDIT_ORIGINAL)[0].error_code == 50027
    assert "On the shelf" in asked.message.text
    assert office.person.dms == []


def test_slow_public_answer__is_edited_in_after_any_time(office):
    office.start_bot()
    asked = office.ask()
    office.wait_text(asked.message, "Waiting")
    office.fake.clock.advance(QUARTER_HOUR_S + 60)
    office.answer(asked)
    office.wait_state(asked)
    assert "On the shelf" in asked.message.text
    assert office.channel.messages == [asked.message]
    assert office.count(EDIT_ORIGINAL) == 0


def test_private_answer__is_edited_in_by_token_while_that_lives(office):
    office.start_bot()
    asked = office.ask(private=True)
    office.wait_text(asked.message, "Waiting")
    office.answer(asked)
    office.wait_state(asked)
    assert "On the shelf" in asked.message.text
    assert office.person.dms == []
    assert office.value(f"SELECT token IS NULL FROM deliveries WHERE id = {asked.delivery}")


def test_slow_private_answer__says_where_it_will_come_and_comes_as_direct_message(office):
    office.start_bot()
    asked = office.ask(private=True)
    office.wait_text(asked.message, "Waiting")
    token_ends_in(office, asked, 60)
    office.wait_text(asked.message, "direct message")
    edits = office.count(EDIT_ORIGINAL)
    lease = office.begin(asked)
    token_ends_in(office, asked, -1)
    office.fake.clock.advance(QUARTER_HOUR_S + 60)
    office.wait_quiet()
    assert office.count(EDIT_ORIGINAL) == edits
    office.succeed(lease)
    office.wait_state(asked)
    (answer,) = office.person.dms
    assert "On the shelf" in answer.text
    assert office.channel.messages == []
    assert office.count(EDIT_ORIGINAL) == edits


def test_slow_answer_of_a_user_installed_app__comes_as_direct_message(office):
    office.start_bot()
    eve = office.fake.add_user("eve", installed_app=True)
    foreign = office.fake.add_channel(office.fake.add_guild("Elsewhere", members=[eve], has_app=False))
    asked = office.ask(channel=foreign, person=eve)
    office.wait_text(asked.message, "Waiting")
    office.fake.clock.advance(QUARTER_HOUR_S + 60)
    office.answer(asked)
    office.wait_state(asked)
    (answer,) = eve.dms
    assert "On the shelf" in answer.text
    assert "On the shelf" not in asked.message.text


def test_expired_token__is_believed_when_discord_says_so(office):
    office.start_bot()
    asked = office.ask(private=True)
    office.wait_text(asked.message, "Waiting")
    office.fake.clock.advance(QUARTER_HOUR_S + 60)
    lease = office.begin(asked)
    office.wait(lambda: office.fake.requests_to(EDIT_ORIGINAL)[-1].error_code == 50027, "a refusal")
    refused = office.count(EDIT_ORIGINAL)
    for done in range(5):
        office.report(lease, "rerank", done, 5)
    office.wait_quiet()
    assert office.count(EDIT_ORIGINAL) == refused
    office.succeed(lease)
    office.wait_state(asked)
    assert "On the shelf" in office.person.dms[0].text
    assert office.count(EDIT_ORIGINAL) == refused + 1


# ------------------------------------------------------------------------------------------------- closed and gone


def test_deleted_channel__the_answer_comes_as_direct_message(office):
    office.start_bot()
    asked = office.ask()
    office.wait_text(asked.message, "Waiting")
    office.fake.delete_channel(office.channel)
    office.answer(asked)
    office.wait_state(asked)
    (answer,) = office.person.dms
    assert "On the shelf" in answer.text
    row = office.row(asked)
    assert (row.route, row.channel_id, row.message_id) == ("channel", str(office.person.dm.id), str(answer.id))


def test_lost_permission__the_answer_comes_as_direct_message(office):
    office.start_bot()
    asked = office.ask()
    office.wait_text(asked.message, "Waiting")
    office.fake.deny(office.channel, office.fake.bot, "view_channel")
    lease = office.begin(asked)
    office.wait(lambda: office.fake.requests_to(EDIT)[-1].error_code == 50001, "a refusal")
    edits = office.count(EDIT)
    office.report(lease, "rerank", 1, 2)
    office.wait_quiet()
    assert office.count(EDIT) == edits
    office.succeed(lease)
    office.wait_state(asked)
    assert "On the shelf" in office.person.dms[0].text


def test_closed_direct_messages__undeliverable_and_everybody_can_see_why(office):
    office.start_bot()
    asked = office.ask(private=True)
    office.wait_text(asked.message, "Waiting")
    office.person.dms_open = False
    token_ends_in(office, asked, -1)
    office.answer(asked)
    office.wait_state(asked, "undeliverable")
    with office.database.inspect() as session:
        why = session.scalar(text(f"SELECT why FROM inspect.deliveries WHERE id = {asked.delivery}"))
    assert "50007" in why
    assert "/jobs" in why
    assert office.value(f"SELECT result IS NOT NULL FROM jobs WHERE id = {asked.job}")
    assert office.count(POST) == 1


def test_deleted_message__the_answer_is_a_new_message_once(office):
    office.start_bot()
    asked = office.ask()
    office.wait_text(asked.message, "Waiting")
    office.fake.delete_message(asked.message)
    office.answer(asked)
    office.wait_state(asked)
    (answer,) = office.channel.messages
    assert "On the shelf" in answer.text
    assert office.row(asked).message_id == str(answer.id)


def test_deleted_message__of_a_mention_is_not_mixed_up_with_its_nonce(office):
    office.start_bot()
    asked = office.ask_by_mention(office.person.say(office.channel, "where?", mentions_bot=True))
    office.wait(lambda: len(office.channel.messages) == 2, "a reply")
    office.fake.delete_message(office.channel.messages[1])
    office.answer(asked)
    office.wait_state(asked)
    assert "On the shelf" in office.channel.messages[1].text


def test_archived_thread__the_answer_opens_it_again(office):
    office.start_bot()
    thread = office.person.start_thread(office.person.say(office.channel, "tea"), "tea")
    asked = office.ask(channel=thread)
    office.wait_text(asked.message, "Waiting")
    office.fake.archive(thread)
    office.answer(asked)
    office.wait_state(asked)
    assert "On the shelf" in thread.messages[-1].text


def test_locked_thread__the_answer_comes_as_direct_message(office):
    office.start_bot()
    thread = office.person.start_thread(office.person.say(office.channel, "tea"), "tea")
    asked = office.ask(channel=thread)
    office.wait_text(asked.message, "Waiting")
    office.fake.archive(thread, locked=True)
    office.answer(asked)
    office.wait_state(asked)
    assert "On the shelf" in office.person.dms[0].text


def test_edit_cap__of_an_old_message_means_a_new_message(office):
    office.start_bot()
    asked = office.ask()
    office.wait_text(asked.message, "Waiting")
    office.fake.world.old_edit_cap = 0
    office.fake.clock.advance(3700)
    office.run("UPDATE deliveries SET created_at = now() - interval '3700 seconds'")
    office.answer(asked)
    office.wait_state(asked)
    assert "On the shelf" in office.channel.messages[-1].text
    assert len(office.channel.messages) == 2


def test_no_history_permission__parts_come_without_a_reference(office):
    office.start_bot()
    office.fake.deny(office.channel, office.fake.bot, "read_message_history")
    asked = office.ask()
    office.answer(asked, "\n\n".join("kettle and shelf " * 25 for _ in range(7)))
    office.wait_state(asked)
    assert [message.reply_to for message in office.channel.messages] == [None, None]


def test_direct_message_of_the_bot__is_edited_as_any_channel(office):
    office.start_bot()
    asked = office.ask(channel=office.person.dm, private=True)
    office.wait_text(asked.message, "Waiting")
    office.fake.clock.advance(QUARTER_HOUR_S + 60)
    office.answer(asked)
    office.wait_state(asked)
    assert "On the shelf" in asked.message.text
    assert office.person.dms == [asked.message]


def test_bot_that_may_not_post__a_late_answer_is_there_once_without_a_notice(office):
    office.fake.deny(office.channel, office.fake.bot, "send_messages")
    office.start_bot()
    asked, long = office.ask(), office.ask()
    office.wait_text(long.message, "Waiting")
    office.run("UPDATE deliveries SET created_at = now() - interval '3 minutes'")
    office.answer(asked)
    office.answer(long, "\n\n".join(f"Paragraph {n}: " + "kettle and shelf " * 25 for n in range(11)))
    office.wait_state(asked)
    office.wait_state(long)
    assert "On the shelf" in asked.message.text
    assert [file.filename for file in long.message.attachments] == ["answer.md"]
    assert office.person.dms == []
    assert len(office.channel.messages) == 2


def test_long_limit__on_a_young_message_is_waited_for(office):
    office.start_bot()
    asked = office.ask()
    office.wait_text(asked.message, "Waiting")
    office.fake.rate_limit(EDIT, retry_after_s=90, scope="global")
    office.answer(asked)
    office.wait(lambda: office.row(asked).attempts == 1, "a postponed delivery")
    row = office.row(asked)
    assert (row.state, row.message_id) == ("open", str(asked.message.id))
    assert office.value(f"SELECT due_at > now() + interval '60 seconds' FROM deliveries WHERE id = {asked.delivery}")
    assert office.channel.messages == [asked.message]


def test_killed__after_going_to_direct_messages_all_parts_come_there(office):
    """What had been sent in the channel does not count there, whenever the process dies."""
    bot = office.start_bot()
    asked = office.ask()
    hold = office.fake.hold(POST, times=1)
    office.answer(asked, "\n\n".join(f"Paragraph {n}: " + "kettle and shelf " * 25 for n in range(11)))
    hold.wait_arrived()
    with office.fake.hold(POST, times=1) as second:
        hold.release()
        second.wait_arrived()
        assert office.row(asked).parts_sent == 1
        office.fake.delete_channel(office.channel)
    with office.fake.hold(POST, times=1) as direct:
        direct.wait_arrived()
        bot.kill()
    assert (office.row(asked).parts_sent, office.row(asked).message_id) == (0, None)
    office.start_bot()
    office.wait_state(asked)
    assert len(office.person.dms) == 3
