"""Killed, frozen and concurrent bots, rate limits and database outages: each answer is shown exactly once."""

from __future__ import annotations

import random
import threading
from functools import partial

import pytest

from bot.delivery.claims import ClaimedDelivery
from bot.delivery.worker import DeliveryWorker
from tests.delivery_harness import EDIT, POST, DatabaseOutage, open_environment

LONG = "\n\n".join(f"Paragraph {n}: " + "kettle and shelf " * 25 for n in range(11))
"""An answer of three messages."""


@pytest.fixture
def env(database_url, monkeypatch):
    with open_environment(database_url, monkeypatch) as env:
        yield env


def assert_three_parts(env, submission):
    first, second, third = env.channel.messages
    assert (first.id, second.reply_to, third.reply_to) == (submission.message.id, first, first)
    assert "Paragraph 0" in first.text
    assert "Paragraph 10" in third.text


class FullDisk:
    """A database that rejects every change of a delivery as PostgreSQL does when its disk is full."""

    def __init__(self, env):
        self._env = env
        env.run(
            "CREATE FUNCTION reject() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END $$;"
            "CREATE TRIGGER full_disk BEFORE UPDATE ON deliveries EXECUTE FUNCTION reject()"
        )

    def end(self):
        self._env.run("DROP FUNCTION reject() CASCADE")


# ----------------------------------------------------------------------------------------------------- killed bots


def test_killed__between_job_end_and_delivery_another_bot_delivers(env):
    first = env.start_bot()
    submission = env.ask()
    env.wait_text(submission.message, "Waiting")
    first.kill()
    env.answer(submission)
    env.start_bot()
    env.wait_state(submission)
    assert "On the shelf" in submission.message.text
    assert len(env.channel.messages) == 1


def test_killed__during_its_last_edit(env):
    first = env.start_bot()
    second = env.start_bot()
    submission = env.ask()
    env.wait_text(submission.message, "Waiting")
    claimant = next(bot for bot in (first, second) if bot.owner == env.row(submission).claim_owner)
    with env.fake.hold(EDIT, times=1, processed=True) as hold:
        env.answer(submission)
        hold.wait_arrived()
        claimant.kill()
    env.wait_state(submission)
    assert "On the shelf" in submission.message.text
    assert len(env.channel.messages) == 1


def test_killed__while_rate_limited(env):
    first = env.start_bot()
    submission = env.ask()
    env.wait_text(submission.message, "Waiting")
    env.fake.rate_limit(EDIT, retry_after_s=25)
    env.answer(submission)
    env.wait(lambda: env.fake.requests_to(EDIT)[-1].status == 429, "a limit")
    first.kill()
    env.start_bot()
    env.wait_state(submission)
    assert "On the shelf" in submission.message.text


@pytest.mark.parametrize("minutes", [0, 10])
def test_killed__after_posting_a_part_and_before_recording_it(env, minutes):
    """Within minutes Discord finds the part by its nonce; later only the channel's history shows it."""
    first = env.start_bot()
    submission = env.ask()
    with env.fake.hold(POST, times=1, processed=True) as hold:
        env.answer(submission, LONG)
        hold.wait_arrived()
        first.kill()
    assert len(env.channel.messages) == 2
    env.fake.clock.advance(minutes * 60)
    env.start_bot()
    env.wait_state(submission)
    assert_three_parts(env, submission)


def test_killed__after_posting_a_part_without_permission_to_read_the_history(env):
    first = env.start_bot()
    env.fake.deny(env.channel, env.fake.bot, "read_message_history")
    submission = env.ask()
    refused = env.fake.hold(POST, times=1)
    env.answer(submission, LONG)
    refused.wait_arrived()
    with env.fake.hold(POST, times=1, processed=True) as hold:
        refused.release()  # a reply needs the history permission, so the part is posted without a reference
        hold.wait_arrived()
        assert len(env.channel.messages) == 2
        first.kill()
    env.start_bot()
    env.wait_state(submission)
    assert len(env.channel.messages) == 3


def test_killed__between_two_parts(env):
    first = env.start_bot()
    submission = env.ask()
    hold = env.fake.hold(POST, times=1)
    env.answer(submission, LONG)
    hold.wait_arrived()
    with env.fake.hold(POST, times=1) as later:
        hold.release()
        later.wait_arrived()
        assert env.row(submission).parts_sent == 1
        env.fake.clock.advance(600)
        first.kill()
    env.start_bot()
    env.wait_state(submission)
    assert_three_parts(env, submission)


@pytest.mark.parametrize("minutes", [0, 10])
def test_killed__after_posting_the_message_of_a_mention(env, minutes):
    first = env.start_bot()
    said = env.person.say(env.channel, "and the cups?", mentions_bot=True)
    with env.fake.hold(POST, times=1, processed=True) as hold:
        submission = env.ask_by_mention(said)
        hold.wait_arrived()
        first.kill()
    env.fake.clock.advance(minutes * 60)
    env.answer(submission)
    env.start_bot()
    env.wait_state(submission)
    _, reply = env.channel.messages
    assert "On the shelf" in reply.text


@pytest.mark.parametrize("minutes", [0, 10])
def test_killed__after_posting_a_direct_message(env, minutes):
    first = env.start_bot()
    submission = env.ask()
    env.wait_text(submission.message, "Waiting")
    env.fake.delete_channel(env.channel)
    with env.fake.hold(POST, times=1, processed=True) as hold:
        env.answer(submission)
        hold.wait_arrived()
        first.kill()
    env.fake.clock.advance(minutes * 60)
    env.start_bot()
    env.wait_state(submission)
    assert len(env.person.dms) == 1


def test_stopped__requests_in_flight_finish_and_another_bot_takes_over_immediately(env):
    first = env.start_bot(lease_s=600, renew_s=1)
    submission, other = env.ask(), env.ask()
    env.wait_text(other.message, "Waiting")
    with env.fake.hold(POST, times=1) as hold:
        env.answer(submission, LONG)
        hold.wait_arrived()
        second = env.start_bot(lease_s=600, renew_s=1)
        env.fake.world.loop.call_soon_threadsafe(hold.release)
        first.stop()
    env.wait_claimed_by(other, second)
    env.wait_state(submission)
    assert env.count(POST) == 2
    messages = [message for message in env.channel.messages if message is not other.message]
    assert [message.text[:3] for message in messages].count("> W") == 1
    assert len(messages) == 3


# -------------------------------------------------------------------------------------------------------- two bots


def test_two_bots__twenty_jobs_are_each_answered_once(env):
    env.start_bot()
    env.start_bot()
    channels = [env.channel, *(env.fake.add_channel(env.channel.guild, f"c{n}") for n in range(3))]
    submissions = [env.ask(channel=channels[n % 4]) for n in range(20)]
    order = random.Random(7).sample(submissions, 20)
    leases = [env.claim_job(one) for one in order]
    for lease in leases:
        env.report(lease, "rerank", 1, 2)
    for number, lease in enumerate(leases):
        env.succeed(lease, LONG if number % 5 == 0 else "On the shelf [1].")
    for one in submissions:
        env.wait_state(one)
    for number, one in enumerate(order):
        assert ("Paragraph 0" if number % 5 == 0 else "On the shelf") in one.message.text
    assert sum(len(channel.messages) for channel in channels) == 20 + 4 * 2


def test_frozen_bot__sends_nothing_after_another_bot_took_its_claim(env):
    bot = env.start_bot(lease_s=60)
    submission = env.ask()
    env.wait_text(submission.message, "Waiting")
    env.fake.rate_limit(EDIT, retry_after_s=8)
    lease = env.claim_job(submission)
    env.wait(lambda: env.fake.requests_to(EDIT)[-1].status == 429, "a limit")
    edits = env.count(EDIT)
    env.run(
        "UPDATE deliveries SET claim_owner = 'another', claim_token = gen_random_uuid(),"
        f" claim_expires = now() + interval '1 hour' WHERE id = {submission.delivery}"
    )
    env.wait(lambda: bot.delivery_worker.health().claimed == 0, "the released claim")
    sentinel = env.ask()
    env.wait_text(sentinel.message, "Waiting")
    env.succeed(lease)
    env.answer(sentinel)
    env.wait_state(sentinel)
    assert env.edits_of(submission) == edits


# -------------------------------------------------------------------------------------------------- limits, outages


def test_rate_limit__on_one_channel_blocks_no_other(env):
    env.start_bot()
    other = env.fake.add_channel(env.channel.guild, "other")
    slow, quick = env.ask(), env.ask(channel=other)
    env.wait_text(slow.message, "Waiting")
    env.fake.rate_limit(f"PATCH /channels/{env.channel.id}/messages/*", retry_after_s=25)
    env.answer(slow)
    env.wait(lambda: any(request.status == 429 for request in env.fake.requests_to(EDIT)), "a limit")
    env.answer(quick)
    env.wait_state(quick)
    assert env.row(slow).state == "open"


def test_claim__whose_task_is_cancelled_before_its_first_step_is_made_again(env, monkeypatch):
    """A renewal that began before a claim was made cancels its task, possibly before the first step."""
    add = DeliveryWorker._add
    cancelled: list[ClaimedDelivery] = []

    def add_and_cancel(self, claimed):
        add(self, claimed)
        if not cancelled:
            cancelled.append(claimed)
            claimed.task.cancel()

    monkeypatch.setattr(DeliveryWorker, "_add", add_and_cancel)
    env.start_bot()
    submission = env.ask()
    env.wait_text(submission.message, "Waiting")
    assert cancelled


def test_server_errors__are_retried_with_delays(env):
    env.start_bot()
    submission = env.ask()
    env.wait_text(submission.message, "Waiting")
    env.fake.fail(EDIT, status=503)
    env.answer(submission)
    env.wait(lambda: env.row(submission).attempts == 1, "a postponed delivery")
    assert "503" in env.row(submission).error
    env.wait_state(submission)


def test_dropped_connection__after_posting_a_part_posts_no_second_one(env):
    env.start_bot()
    submission = env.ask()
    env.wait_text(submission.message, "Waiting")
    env.fake.drop(POST, processed=True)
    env.answer(submission, LONG)
    env.wait_state(submission)
    assert_three_parts(env, submission)


def test_database_outage__during_delivery_shows_every_answer_once(env, servers):
    bot = env.start_bot(lease_s=60)
    submission, waiting = env.ask(), env.ask()
    env.wait_text(waiting.message, "Waiting")
    with env.fake.hold(POST, times=1, processed=True) as hold:
        env.answer(submission, LONG)
        hold.wait_arrived()
        outage = DatabaseOutage(env, servers.database_url)
    env.wait(lambda: not bot.delivery_worker.health().database_available, "the detected outage")
    outage.end()
    env.answer(waiting)
    env.wait_state(submission)
    env.wait_state(waiting)
    assert env.count(POST) == 2
    env.fake.delete_message(waiting.message)  # so that the channel contains one answer
    assert_three_parts(env, submission)


def test_full_disk_of_the_database__during_delivery_shows_every_answer_once(env):
    bot = env.start_bot(lease_s=60)
    submission = env.ask()
    env.wait_text(submission.message, "Waiting")
    with env.fake.hold(POST, times=1, processed=True) as hold:
        env.answer(submission, LONG)
        hold.wait_arrived()
        disk = FullDisk(env)
    env.wait(lambda: not bot.delivery_worker.health().database_available, "the detected outage")
    disk.end()
    env.wait_state(submission)
    assert env.count(POST) == 2
    assert_three_parts(env, submission)


def test_database_outage__longer_than_the_claim_sends_nothing_until_it_ends(env, servers):
    bot = env.start_bot()
    submission = env.ask()
    env.wait_text(submission.message, "Waiting")
    with env.fake.hold(EDIT, times=1) as hold:
        env.answer(submission)
        hold.wait_arrived()
        outage = DatabaseOutage(env, servers.database_url)
        env.wait(lambda: bot.delivery_worker.health().claimed == 0, "the released claim")
    outage.end()
    env.wait_state(submission)
    assert "On the shelf" in submission.message.text
    assert env.channel.messages == [submission.message]


def test_many_at_once__all_are_shown_and_delivered(env):
    env.start_bot()
    channels = [env.channel, *(env.fake.add_channel(env.channel.guild, f"c{n}") for n in range(5))]
    submissions = [env.ask(channel=channels[n % 6], keep_token=True) for n in range(60)]
    env.wait(lambda: not any(one.message.loading for one in submissions), "all shown")
    for one in submissions:
        env.answer(one)
    env.wait(lambda: env.value("SELECT bool_and(state = 'delivered') FROM deliveries"), "all delivered")
    assert all("On the shelf" in one.message.text for one in submissions)


def test_hanging_edit__times_out_and_stops_blocking_its_channel(env, monkeypatch):
    monkeypatch.setattr("bot.delivery.send.REQUEST_TIMEOUT_S", 3.0)
    env.start_bot()
    submission, other = env.ask(), env.ask()
    env.wait_text(other.message, "Waiting")
    env.wait_text(submission.message, "Waiting")
    with env.fake.hold(EDIT, times=1) as hold:
        env.answer(submission)
        hold.wait_arrived()
        env.answer(other)
        env.wait_state(other)
        env.wait_state(submission)
    assert "On the shelf" in submission.message.text


def test_busy_threads__claims_are_still_renewed(env):
    bot = env.start_bot()
    submission = env.ask()
    env.wait_text(submission.message, "Waiting")
    resume = threading.Event()
    for _ in range(4):
        bot.pool.submit(resume.wait, 60)
    try:
        for _ in range(10):
            before = env.row(submission).claim_expires
            env.wait(partial(lambda before: env.row(submission).claim_expires > before, before), "a renewal")
        assert env.row(submission).claim_owner == bot.owner
    finally:
        resume.set()


def test_killed__an_equal_answer_to_another_question_is_not_reused(env):
    first = env.start_bot()
    submission, twin = env.ask(), env.ask()
    env.answer(twin)
    env.wait_state(twin)
    first.kill()
    env.fake.delete_message(submission.message)
    env.answer(submission)
    env.run(
        "UPDATE deliveries SET message_id = NULL, attempts = 1, claim_owner = NULL, claim_token = NULL,"
        f" claim_expires = NULL WHERE id = {submission.delivery}"
    )
    env.run("UPDATE jobs SET finished_at = (SELECT min(finished_at) FROM jobs)")
    env.start_bot()
    env.wait_state(submission)
    assert env.row(submission).message_id != env.row(twin).message_id
    assert len(env.channel.messages) == 2
