"""Bots that die, freeze or share the work, limits and a database that go away: each answer is there once."""

from __future__ import annotations

import random
import threading
from functools import partial

import pytest

from bot.delivery.claims import ClaimedDelivery
from bot.delivery.worker import DeliveryWorker
from tests.delivery_harness import EDIT, POST, Cut, open_office

LONG = "\n\n".join(f"Paragraph {n}: " + "kettle and shelf " * 25 for n in range(11))
"""Three messages."""


@pytest.fixture
def office(database_url, monkeypatch):
    with open_office(database_url, monkeypatch) as office:
        yield office


def assert_three_parts(office, asked):
    first, second, third = office.channel.messages
    assert (first.id, second.reply_to, third.reply_to) == (asked.message.id, first, first)
    assert "Paragraph 0" in first.text
    assert "Paragraph 10" in third.text


# ----------------------------------------------------------------------------------------------------------- deaths


def test_killed__between_job_end_and_delivery_the_next_one_delivers(office):
    first = office.start_bot()
    asked = office.ask()
    office.wait_text(asked.message, "Waiting")
    first.kill()
    office.answer(asked)
    office.start_bot()
    office.wait_state(asked)
    assert "On the shelf" in asked.message.text
    assert len(office.channel.messages) == 1


def test_killed__while_its_last_edit_is_under_way(office):
    first = office.start_bot()
    second = office.start_bot()
    asked = office.ask()
    office.wait_text(asked.message, "Waiting")
    holder = next(bot for bot in (first, second) if bot.owner == office.row(asked).claim_owner)
    with office.fake.hold(EDIT, times=1, processed=True) as hold:
        office.answer(asked)
        hold.wait_arrived()
        holder.kill()
    office.wait_state(asked)
    assert "On the shelf" in asked.message.text
    assert len(office.channel.messages) == 1


def test_killed__while_a_limit_is_waited_for(office):
    first = office.start_bot()
    asked = office.ask()
    office.wait_text(asked.message, "Waiting")
    office.fake.rate_limit(EDIT, retry_after_s=25)
    office.answer(asked)
    office.wait(lambda: office.fake.requests_to(EDIT)[-1].status == 429, "a limit")
    first.kill()
    office.start_bot()
    office.wait_state(asked)
    assert "On the shelf" in asked.message.text


@pytest.mark.parametrize("minutes", [0, 10])
def test_killed__after_posting_a_part_and_before_recording_it(office, minutes):
    """Within minutes Discord knows the nonce; later only the channel's history tells."""
    first = office.start_bot()
    asked = office.ask()
    with office.fake.hold(POST, times=1, processed=True) as hold:
        office.answer(asked, LONG)
        hold.wait_arrived()
        first.kill()
    assert len(office.channel.messages) == 2
    office.fake.clock.advance(minutes * 60)
    office.start_bot()
    office.wait_state(asked)
    assert_three_parts(office, asked)


def test_killed__after_posting_a_part_where_it_may_not_read_the_history(office):
    first = office.start_bot()
    office.fake.deny(office.channel, office.fake.bot, "read_message_history")
    asked = office.ask()
    refused = office.fake.hold(POST, times=1)
    office.answer(asked, LONG)
    refused.wait_arrived()
    with office.fake.hold(POST, times=1, processed=True) as hold:
        refused.release()  # a reply needs the history, so it is posted without being one
        hold.wait_arrived()
        assert len(office.channel.messages) == 2
        first.kill()
    office.start_bot()
    office.wait_state(asked)
    assert len(office.channel.messages) == 3


def test_killed__between_two_parts(office):
    first = office.start_bot()
    asked = office.ask()
    hold = office.fake.hold(POST, times=1)
    office.answer(asked, LONG)
    hold.wait_arrived()
    with office.fake.hold(POST, times=1) as later:
        hold.release()
        later.wait_arrived()
        assert office.row(asked).parts_sent == 1
        office.fake.clock.advance(600)
        first.kill()
    office.start_bot()
    office.wait_state(asked)
    assert_three_parts(office, asked)


@pytest.mark.parametrize("minutes", [0, 10])
def test_killed__after_posting_the_message_of_a_mention(office, minutes):
    first = office.start_bot()
    said = office.person.say(office.channel, "and the cups?", mentions_bot=True)
    with office.fake.hold(POST, times=1, processed=True) as hold:
        asked = office.ask_by_mention(said)
        hold.wait_arrived()
        first.kill()
    office.fake.clock.advance(minutes * 60)
    office.answer(asked)
    office.start_bot()
    office.wait_state(asked)
    _, reply = office.channel.messages
    assert "On the shelf" in reply.text


@pytest.mark.parametrize("minutes", [0, 10])
def test_killed__after_posting_a_direct_message(office, minutes):
    first = office.start_bot()
    asked = office.ask()
    office.wait_text(asked.message, "Waiting")
    office.fake.delete_channel(office.channel)
    with office.fake.hold(POST, times=1, processed=True) as hold:
        office.answer(asked)
        hold.wait_arrived()
        first.kill()
    office.fake.clock.advance(minutes * 60)
    office.start_bot()
    office.wait_state(asked)
    assert len(office.person.dms) == 1


def test_stopped__what_is_being_sent_is_finished_and_others_go_on_at_once(office):
    first = office.start_bot(lease_s=600, renew_s=1)
    asked, other = office.ask(), office.ask()
    office.wait_text(other.message, "Waiting")
    with office.fake.hold(POST, times=1) as hold:
        office.answer(asked, LONG)
        hold.wait_arrived()
        second = office.start_bot(lease_s=600, renew_s=1)
        office.fake.world.loop.call_soon_threadsafe(hold.release)
        first.stop()
    office.wait_held(other, second)
    office.wait_state(asked)
    assert office.count(POST) == 2
    messages = [message for message in office.channel.messages if message is not other.message]
    assert [message.text[:3] for message in messages].count("> W") == 1
    assert len(messages) == 3


# -------------------------------------------------------------------------------------------------------- two bots


def test_two_bots__twenty_jobs_each_answered_once(office):
    office.start_bot()
    office.start_bot()
    channels = [office.channel, *(office.fake.add_channel(office.channel.guild, f"c{n}") for n in range(3))]
    asked = [office.ask(channel=channels[n % 4]) for n in range(20)]
    order = random.Random(7).sample(asked, 20)
    leases = [office.begin(one) for one in order]
    for lease in leases:
        office.report(lease, "rerank", 1, 2)
    for number, lease in enumerate(leases):
        office.succeed(lease, LONG if number % 5 == 0 else "On the shelf [1].")
    for one in asked:
        office.wait_state(one)
    for number, one in enumerate(order):
        assert ("Paragraph 0" if number % 5 == 0 else "On the shelf") in one.message.text
    assert sum(len(channel.messages) for channel in channels) == 20 + 4 * 2


def test_frozen_bot__whose_claim_went_to_another_sends_nothing_more(office):
    bot = office.start_bot(lease_s=60)
    asked = office.ask()
    office.wait_text(asked.message, "Waiting")
    office.fake.rate_limit(EDIT, retry_after_s=8)
    lease = office.begin(asked)
    office.wait(lambda: office.fake.requests_to(EDIT)[-1].status == 429, "a limit")
    edits = office.count(EDIT)
    office.run(
        "UPDATE deliveries SET claim_owner = 'another', claim_token = gen_random_uuid(),"
        f" claim_expires = now() + interval '1 hour' WHERE id = {asked.delivery}"
    )
    office.wait(lambda: bot.delivery_worker.health().held == 0, "the claim let go")
    sentinel = office.ask()
    office.wait_text(sentinel.message, "Waiting")
    office.succeed(lease)
    office.answer(sentinel)
    office.wait_state(sentinel)
    assert office.edits_of(asked) == edits


# -------------------------------------------------------------------------------------------------- limits, outages


def test_limit__on_one_channel_holds_up_no_other(office):
    office.start_bot()
    other = office.fake.add_channel(office.channel.guild, "other")
    slow, quick = office.ask(), office.ask(channel=other)
    office.wait_text(slow.message, "Waiting")
    office.fake.rate_limit(f"PATCH /channels/{office.channel.id}/messages/*", retry_after_s=25)
    office.answer(slow)
    office.wait(lambda: any(request.status == 429 for request in office.fake.requests_to(EDIT)), "a limit")
    office.answer(quick)
    office.wait_state(quick)
    assert office.row(slow).state == "open"


def test_claim__whose_task_is_cancelled_before_it_begins_is_taken_up_again(office, monkeypatch):
    """A renewal that missed a claim which was just being made cancels its task, maybe before its first step."""
    hold = DeliveryWorker._hold
    cut: list[ClaimedDelivery] = []

    def hold_and_cancel(self, held):
        hold(self, held)
        if not cut:
            cut.append(held)
            held.task.cancel()

    monkeypatch.setattr(DeliveryWorker, "_hold", hold_and_cancel)
    office.start_bot()
    asked = office.ask()
    office.wait_text(asked.message, "Waiting")
    assert cut


def test_server_errors__are_tried_again_with_pauses(office):
    office.start_bot()
    asked = office.ask()
    office.wait_text(asked.message, "Waiting")
    office.fake.fail(EDIT, status=503)
    office.answer(asked)
    office.wait(lambda: office.row(asked).attempts == 1, "a postponed delivery")
    assert "503" in office.row(asked).error
    office.wait_state(asked)


def test_dropped_connection__after_the_part_was_posted_gives_no_second_one(office):
    office.start_bot()
    asked = office.ask()
    office.wait_text(asked.message, "Waiting")
    office.fake.drop(POST, processed=True)
    office.answer(asked, LONG)
    office.wait_state(asked)
    assert_three_parts(office, asked)


def test_database_away__in_the_middle_and_every_answer_comes_once(office, servers):
    bot = office.start_bot(lease_s=60)
    asked, waiting = office.ask(), office.ask()
    office.wait_text(waiting.message, "Waiting")
    with office.fake.hold(POST, times=1, processed=True) as hold:
        office.answer(asked, LONG)
        hold.wait_arrived()
        cut = Cut(office, servers.database_url)
    office.wait(lambda: not bot.delivery_worker.health().database, "the database missed")
    cut.restore()
    office.answer(waiting)
    office.wait_state(asked)
    office.wait_state(waiting)
    assert office.count(POST) == 2
    office.fake.delete_message(waiting.message)  # so that the channel holds one answer
    assert_three_parts(office, asked)


def test_database_away__longer_than_the_claim_nothing_is_sent_and_then_all_goes_on(office, servers):
    bot = office.start_bot()
    asked = office.ask()
    office.wait_text(asked.message, "Waiting")
    with office.fake.hold(EDIT, times=1) as hold:
        office.answer(asked)
        hold.wait_arrived()
        cut = Cut(office, servers.database_url)
        office.wait(lambda: bot.delivery_worker.health().held == 0, "the claim let go")
    cut.restore()
    office.wait_state(asked)
    assert "On the shelf" in asked.message.text
    assert office.channel.messages == [asked.message]


def test_many_at_once__all_are_shown_and_all_end(office):
    office.start_bot()
    channels = [office.channel, *(office.fake.add_channel(office.channel.guild, f"c{n}") for n in range(5))]
    asked = [office.ask(channel=channels[n % 6]) for n in range(60)]
    office.wait(lambda: not any(one.message.loading for one in asked), "all shown")
    for one in asked:
        office.answer(one)
    office.wait(lambda: office.value("SELECT bool_and(state = 'delivered') FROM deliveries"), "all delivered")
    assert all("On the shelf" in one.message.text for one in asked)


def test_hung_edit__ends_and_holds_up_its_channel_no_longer(office, monkeypatch):
    monkeypatch.setattr("bot.delivery.send.REQUEST_S", 3.0)
    office.start_bot()
    asked, other = office.ask(), office.ask()
    office.wait_text(other.message, "Waiting")
    office.wait_text(asked.message, "Waiting")
    with office.fake.hold(EDIT, times=1) as hold:
        office.answer(asked)
        hold.wait_arrived()
        office.answer(other)
        office.wait_state(other)
        office.wait_state(asked)
    assert "On the shelf" in asked.message.text


def test_slow_database__claims_are_renewed_while_all_threads_wait(office):
    bot = office.start_bot()
    asked = office.ask()
    office.wait_text(asked.message, "Waiting")
    go_on = threading.Event()
    for _ in range(4):
        bot.pool.submit(go_on.wait, 60)
    try:
        for _ in range(10):
            before = office.row(asked).claim_expires
            office.wait(partial(lambda before: office.row(asked).claim_expires > before, before), "a renewal")
        assert office.row(asked).claim_owner == bot.owner
    finally:
        go_on.set()


def test_killed__an_equal_answer_of_another_question_is_not_taken_for_its_own(office):
    first = office.start_bot()
    asked, twin = office.ask(), office.ask()
    office.answer(twin)
    office.wait_state(twin)
    first.kill()
    office.fake.delete_message(asked.message)
    office.answer(asked)
    office.run(
        "UPDATE deliveries SET message_id = NULL, attempts = 1, claim_owner = NULL, claim_token = NULL,"
        f" claim_expires = NULL WHERE id = {asked.delivery}"
    )
    office.run("UPDATE jobs SET finished_at = (SELECT min(finished_at) FROM jobs)")
    office.start_bot()
    office.wait_state(asked)
    assert office.row(asked).message_id != office.row(twin).message_id
    assert len(office.channel.messages) == 2
