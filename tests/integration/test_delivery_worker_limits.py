"""Many people in one channel, with Discord's limit on edits: results do not wait for progress messages."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from db.jobs import Lease
from tests.delivery_harness import EDIT, EDIT_ORIGINAL, POST, DeliveryEnvironment, Submission, open_environment

PEOPLE = 8
WINDOW_S = 5
MAX_DELAY_S = 2.0


@pytest.fixture
def env(database_url, monkeypatch):
    with open_environment(database_url, monkeypatch) as env:
        for route in (EDIT, EDIT_ORIGINAL, POST):
            env.fake.limit(route, 5, per_s=WINDOW_S)
        yield env


def max_delay_s(env: DeliveryEnvironment, submissions: Sequence[Submission], leases: Sequence[Lease]) -> float:
    """End running questions and return the longest time until an answer was shown, in seconds."""
    started = env.fake.clock.now()
    for lease in leases:
        env.succeed(lease)
    for submission in submissions:
        env.wait_text(submission.message, "On the shelf")
    return max(
        next(shown.at for shown in submission.message.history if "On the shelf" in shown.text) - started
        for submission in submissions
    )


def test_commands__answers_are_edited_with_their_tokens_which_have_separate_limits(env):
    submissions = [env.ask(keep_token=True) for _ in range(PEOPLE)]
    leases = [env.claim_job(submission) for submission in submissions]
    env.start_bot()
    for submission in submissions:
        env.wait_text(submission.message, "Searching")
    assert max_delay_s(env, submissions, leases) <= MAX_DELAY_S
    for submission in submissions:
        env.wait_state(submission)
    assert (env.count(EDIT), env.count(POST)) == (0, 0)


def test_mentions__progress_leaves_a_part_of_the_limit_for_answers(env):
    submissions = [env.ask() for _ in range(PEOPLE)]
    leases = [env.claim_job(submission) for submission in submissions]
    env.start_bot()
    end = time.monotonic() + WINDOW_S
    for done in range(1, 50):
        for lease in leases:
            env.report(lease, "rerank", done, 50)
        if time.monotonic() > end:
            break
        time.sleep(0.2)
    assert max_delay_s(env, submissions[-4:], leases[-4:]) <= MAX_DELAY_S
    progress = [shown for one in submissions for shown in one.message.history if "of 50" in shown.text]
    assert 1 <= len(progress) <= 2
    assert not any(request.status == 429 for request in env.fake.requests)


def test_mentions__progress_is_shown_first_where_it_is_oldest(env):
    env.start_bot()
    submissions = [env.ask() for _ in range(3)]
    for submission in submissions:
        env.claim_job(submission)
    for submission in submissions:
        env.wait_text(submission.message, "Searching")
    assert [env.edits_of(submission) for submission in submissions] == [1, 1, 1]


def test_mentions__whose_progress_is_not_posted_yet_do_not_delay_answers(env):
    asked = [env.person.say(env.channel, "Where is the kettle?", mentions_bot=True) for _ in range(PEOPLE)]
    submissions = [env.ask_by_mention(message) for message in asked]
    env.start_bot()

    def replies(text):
        return [message for message in env.channel.messages if message.reply_to in asked and text in message.text]

    env.wait(lambda: len(replies("Waiting")) == 5, "as many new messages as the limit allows")
    shown = [submission for submission in submissions if env.row(submission).message_id is not None]
    started = time.monotonic()
    for submission in shown:
        env.answer(submission)
    env.wait(lambda: len(replies("On the shelf")) == len(shown), "answers")
    assert time.monotonic() - started <= MAX_DELAY_S
    for submission in submissions:
        if submission not in shown:
            env.answer(submission)
    env.wait(lambda: len(replies("On the shelf")) == PEOPLE, "all answers")
    assert len(replies("")) == PEOPLE
