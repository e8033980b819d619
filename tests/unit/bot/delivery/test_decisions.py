"""Decisions of the delivery worker: steps, failures, routes, nonces, posted parts; and the deadline of a claim."""

import asyncio
import dataclasses
import datetime as dt
import uuid
from typing import Any

import pytest

from bot.delivery.claims import ClaimedDelivery, ClaimLost
from bot.delivery.decisions import (
    DeliveryRoute,
    DeliveryStep,
    PostedMessage,
    SendFailure,
    classify_failure,
    count_posted_parts,
    merge_into_one,
    needs_notice,
    next_progress_at,
    next_route,
    next_step,
    nonce,
    progress_interval_s,
    retry_delay_s,
    uses_token,
)
from bot.render.message import Button, OutgoingFile, OutgoingMessage
from db.deliveries import Delivery, DeliveryView
from db.job_views import JobView

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)


def delivery(**values: Any) -> Delivery:
    plain = Delivery(
        id=7,
        workspace_id=1,
        request_key="interaction:1",
        kind="answer",
        application_id="1",
        guild_id="2",
        channel_id="30123",
        message_id="4",
        reply_to_id=None,
        user_id="5",
        locale="en-US",
        private=False,
        route="channel",
        token=None,
        token_expires=None,
        state="open",
        generation=1,
        parts_sent=0,
        claim_owner="bot",
        claim_token=uuid.uuid4(),
        claim_expires=NOW,
        attempts=0,
        due_at=NOW,
        error=None,
        created_at=NOW,
        delivered_at=None,
    )
    return dataclasses.replace(plain, **values)


def by_token(left: dt.timedelta) -> Delivery:
    return delivery(private=True, route="token", token="t", token_expires=NOW + left, message_id=None)


def job(state: str = "running", finished_at: dt.datetime | None = None) -> JobView:
    return JobView(
        id=1,
        kind="ask",
        state=state,
        stage="recall",
        about="?",
        progress_done=0,
        progress_total=0,
        progress_text="",
        ahead=None,
        why="",
        result=None,
        error_class=None,
        error=None,
        cancel_requested=False,
        attempt=1,
        max_attempts=3,
        created_at=NOW,
        finished_at=finished_at,
        payload={},
    )


def step_of(subject: Delivery, *states: str, final_only: bool = False) -> DeliveryStep:
    return next_step(DeliveryView(subject, tuple(map(job, states))), NOW, final_only=final_only)


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled", "dead"])
def test_step__every_final_state_is_shown(state):
    assert step_of(delivery(), state) is DeliveryStep.FINAL
    assert step_of(delivery(), state, final_only=True) is DeliveryStep.FINAL


def test_step__final_when_the_last_job_has_ended():
    assert step_of(delivery(kind="ingest"), "succeeded", "queued") is DeliveryStep.PROGRESS
    assert step_of(delivery(kind="ingest"), "succeeded", "failed") is DeliveryStep.FINAL


def test_step__a_message_that_cannot_be_edited_waits_for_the_result():
    assert step_of(delivery(), "running", final_only=True) is DeliveryStep.WAIT


def test_step__token_route_announces_the_direct_message_before_the_token_expires():
    assert step_of(by_token(15 * MINUTE), "running") is DeliveryStep.PROGRESS
    assert step_of(by_token(MINUTE), "running") is DeliveryStep.EXPIRING
    assert step_of(by_token(-MINUTE), "running") is DeliveryStep.WAIT
    assert step_of(dataclasses.replace(by_token(MINUTE), token=None), "running") is DeliveryStep.WAIT
    assert step_of(by_token(-MINUTE), "succeeded") is DeliveryStep.FINAL


@pytest.mark.parametrize(
    ("status", "code", "failure"),
    [
        (404, 10008, SendFailure.MESSAGE_GONE),
        (429, 30046, SendFailure.MESSAGE_GONE),
        (400, 50083, SendFailure.MESSAGE_GONE),
        (404, 10003, SendFailure.NO_ACCESS),
        (403, 50001, SendFailure.NO_ACCESS),
        (403, 50013, SendFailure.NO_ACCESS),
        (403, 50007, SendFailure.DM_CLOSED),
        (403, 50278, SendFailure.DM_CLOSED),
        (400, 50035, SendFailure.INVALID_MESSAGE),
        (413, 40005, SendFailure.INVALID_MESSAGE),
        (403, 0, SendFailure.TEMPORARY),
        (401, 0, SendFailure.TEMPORARY),
        (404, 0, SendFailure.TEMPORARY),
        (429, 0, SendFailure.TEMPORARY),
        (503, 0, SendFailure.TEMPORARY),
    ],
)
def test_classify_failure__by_code_else_by_status(status, code, failure):
    assert classify_failure(status, code, by_token=False) is failure


@pytest.mark.parametrize(("status", "code"), [(401, 50027), (404, 10015), (404, 0), (401, 0), (404, 10062)])
def test_classify_failure__every_form_of_an_expired_token(status, code):
    assert classify_failure(status, code, by_token=True) is SendFailure.TOKEN_EXPIRED


def routes(subject: Delivery, *failures: SendFailure) -> list[DeliveryRoute]:
    tried: list[DeliveryRoute] = []
    for failure in failures:
        tried.append(next_route(subject, failure, frozenset(tried)))
    return tried


def test_route__of_a_deleted_message_is_the_channel_then_direct_messages_then_nowhere():
    gone = SendFailure.MESSAGE_GONE
    assert routes(delivery(), gone, gone, gone) == [
        DeliveryRoute.SAME_CHANNEL,
        DeliveryRoute.DIRECT_MESSAGE,
        DeliveryRoute.NOWHERE,
    ]


@pytest.mark.parametrize("failure", [SendFailure.NO_ACCESS, SendFailure.TOKEN_EXPIRED])
def test_route__without_access_to_the_channel_is_direct_messages(failure):
    assert routes(delivery(), failure, SendFailure.DM_CLOSED) == [DeliveryRoute.DIRECT_MESSAGE, DeliveryRoute.NOWHERE]


@pytest.mark.parametrize("failure", [SendFailure.MESSAGE_GONE, SendFailure.NO_ACCESS, SendFailure.TOKEN_EXPIRED])
def test_route__of_a_private_answer_is_never_a_channel(failure):
    assert routes(by_token(MINUTE), failure) == [DeliveryRoute.DIRECT_MESSAGE]


def test_nonce__is_short_and_unique_per_delivery_generation_part_and_channel():
    assert nonce(delivery(), 2) == "rd7-1-2-123"
    names = {
        nonce(subject, part, again=again)
        for subject in (delivery(), delivery(generation=2), delivery(id=8), delivery(channel_id="30124"))
        for part in (0, 1, 11)
        for again in (False, True)
    }
    assert len(names) == 4 * 3 * 2
    huge = delivery(id=2**63 - 1, generation=100, channel_id=str(2**63 - 1))
    assert len(nonce(huge, 12)) <= 25
    assert nonce(huge, 12) != nonce(huge, 13)


def test_retry_delay__grows_up_to_five_minutes():
    delays = [retry_delay_s(attempts) for attempts in range(1000)]
    assert delays == sorted(delays)
    assert (delays[0], delays[-1]) == (2.0, 300.0)


def test_progress_interval__is_long_for_messages_older_than_an_hour():
    assert progress_interval_s(delivery(), NOW + 30 * MINUTE) == 1.0
    assert progress_interval_s(delivery(), NOW + 60 * MINUTE) >= 60.0


def test_next_progress__the_more_wait_the_rarer_are_edits():
    edits = [next_progress_at([1.0, 10.0], waiting, posting=False) for waiting in range(1, 50)]
    assert edits[0] < 12
    assert edits == sorted(edits)
    assert set(edits[2:]) == {15.0}, "four of five edits are free for results"
    assert next_progress_at([], 50, posting=False) < 0


def test_next_progress__new_messages_use_the_whole_limit():
    assert next_progress_at([1.0, 2.0, 3.0, 4.0], 50, posting=True) < 0
    assert next_progress_at([1.0, 2.0, 3.0, 4.0, 4.5], 50, posting=True) == 6.0


def test_uses_token__while_it_is_valid():
    assert uses_token(delivery(token="t", token_expires=NOW + MINUTE), NOW)
    assert not uses_token(delivery(token="t", token_expires=NOW), NOW)
    assert not uses_token(delivery(token=None, token_expires=NOW + MINUTE), NOW)
    assert uses_token(by_token(-MINUTE), NOW), "no other token reaches the message"


def test_needs_notice__counts_from_the_request_or_from_the_retry():
    ended = (job("succeeded", NOW), job("succeeded", NOW - MINUTE))
    assert not needs_notice(DeliveryView(delivery(created_at=NOW - MINUTE), ended))
    assert needs_notice(DeliveryView(delivery(created_at=NOW - 3 * MINUTE), ended))
    retried = delivery(created_at=NOW - 60 * MINUTE, generation=2, due_at=NOW - MINUTE)
    assert not needs_notice(DeliveryView(retried, ended))


def test_merge_into_one__keeps_all_parts_of_a_long_answer():
    buttons = ((Button("sources", 1, "Sources"),),)
    parts = [
        OutgoingMessage("one"),
        OutgoingMessage("two", files=(OutgoingFile("a.txt", b"a"),)),
        OutgoingMessage("three", buttons=buttons),
    ]
    merged = merge_into_one(parts)
    assert (merged.content, merged.buttons) == ("one", buttons)
    assert [(file.name, file.content) for file in merged.files] == [
        ("a.txt", b"a"),
        ("answer.md", b"one\n\ntwo\n\nthree"),
    ]
    assert merge_into_one(parts[:1]) is parts[0]


def posted(content: str, replies_to: str | None = "4") -> PostedMessage:
    return PostedMessage("9", content, 0, NOW, replies_to)


def test_count_posted_parts__counts_replies_to_the_first_message_in_order():
    two, three = OutgoingMessage("two "), OutgoingMessage("three")
    assert count_posted_parts([], "4", [two, three]) == 0
    assert count_posted_parts([posted("two")], "4", [two, three]) == 1
    assert count_posted_parts([posted("x"), posted("two"), posted("three")], "4", [two, three]) == 2
    assert count_posted_parts([posted("three")], "4", [two, three]) == 0
    assert count_posted_parts([posted("two", None), posted("two", "5")], "4", [two, three]) == 0


def test_while_claimed__raises_when_the_claim_may_have_expired():
    async def wait_past_the_deadline(claimed: ClaimedDelivery) -> None:
        async with claimed.while_claimed():
            claimed.extend(asyncio.get_running_loop().time())
            await asyncio.Event().wait()

    async def run() -> list[str]:
        loop = asyncio.get_running_loop()
        sent = []
        claimed = ClaimedDelivery(delivery(), claimed_at=loop.time(), deadline=loop.time() - 1, may_be_posted=False)
        with pytest.raises(ClaimLost):
            async with claimed.while_claimed():
                sent.append("after the deadline")
        claimed.extend(loop.time() + 3600)
        async with claimed.while_claimed():
            sent.append("within")
        with pytest.raises(ClaimLost):
            await wait_past_the_deadline(claimed)
        claimed.extend(loop.time() + 3600)
        with pytest.raises(TimeoutError):
            async with claimed.while_claimed():
                raise TimeoutError("raised by discord.py")
        claimed.stopping = True
        with pytest.raises(ClaimLost):
            async with claimed.while_claimed():
                sent.append("while stopping")
        return sent

    assert asyncio.run(run()) == ["within"]
