"""What the courier decides, as values: steps, refusals, places, nonces, parts found again."""

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
    is_late,
    merge_into_one,
    next_route,
    next_step,
    nonce,
    pause_s,
    progress_gap_s,
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


def step_of(of: Delivery, *states: str, blind: bool = False) -> DeliveryStep:
    return next_step(DeliveryView(of, tuple(map(job, states))), NOW, blind=blind)


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled", "dead"])
def test_step__every_final_state_is_shown(state):
    assert step_of(delivery(), state) is DeliveryStep.FINAL
    assert step_of(delivery(), state, blind=True) is DeliveryStep.FINAL


def test_step__a_card_ends_with_its_last_job():
    assert step_of(delivery(kind="ingest"), "succeeded", "queued") is DeliveryStep.PROGRESS
    assert step_of(delivery(kind="ingest"), "succeeded", "failed") is DeliveryStep.FINAL


def test_step__a_message_that_cannot_be_edited_waits_for_the_end():
    assert step_of(delivery(), "running", blind=True) is DeliveryStep.WAIT


def test_step__token_route_says_where_the_answer_will_come_before_the_token_ends():
    assert step_of(by_token(15 * MINUTE), "running") is DeliveryStep.PROGRESS
    assert step_of(by_token(MINUTE), "running") is DeliveryStep.EXPIRING
    assert step_of(by_token(-MINUTE), "running") is DeliveryStep.WAIT
    assert step_of(dataclasses.replace(by_token(MINUTE), token=None), "running") is DeliveryStep.WAIT
    assert step_of(by_token(-MINUTE), "succeeded") is DeliveryStep.FINAL


@pytest.mark.parametrize(
    ("status", "code", "trouble"),
    [
        (404, 10008, SendFailure.GONE),
        (429, 30046, SendFailure.GONE),
        (400, 50083, SendFailure.GONE),
        (404, 10003, SendFailure.CLOSED),
        (403, 50001, SendFailure.CLOSED),
        (403, 50013, SendFailure.CLOSED),
        (403, 50007, SendFailure.NO_DM),
        (403, 50278, SendFailure.NO_DM),
        (400, 50035, SendFailure.INVALID),
        (413, 40005, SendFailure.INVALID),
        (403, 0, SendFailure.LATER),
        (401, 0, SendFailure.LATER),
        (404, 0, SendFailure.LATER),
        (429, 0, SendFailure.LATER),
        (503, 0, SendFailure.LATER),
    ],
)
def test_trouble__by_code_else_by_status(status, code, trouble):
    assert classify_failure(status, code, by_token=False) is trouble


@pytest.mark.parametrize(("status", "code"), [(401, 50027), (404, 10015), (404, 0), (401, 0), (404, 10062)])
def test_trouble__an_ended_token_in_all_its_forms(status, code):
    assert classify_failure(status, code, by_token=True) is SendFailure.VOID


def places(of: Delivery, *troubles: SendFailure) -> list[DeliveryRoute]:
    tried: list[DeliveryRoute] = []
    for trouble in troubles:
        tried.append(next_route(of, trouble, frozenset(tried)))
    return tried


def test_place__deleted_message_comes_again_in_the_channel_then_as_direct_message_then_nowhere():
    gone = SendFailure.GONE
    assert places(delivery(), gone, gone, gone) == [
        DeliveryRoute.SAME_CHANNEL,
        DeliveryRoute.DIRECT_MESSAGE,
        DeliveryRoute.NOWHERE,
    ]


@pytest.mark.parametrize("trouble", [SendFailure.CLOSED, SendFailure.VOID])
def test_place__closed_channel_means_direct_message(trouble):
    assert places(delivery(), trouble, SendFailure.NO_DM) == [DeliveryRoute.DIRECT_MESSAGE, DeliveryRoute.NOWHERE]


@pytest.mark.parametrize("trouble", [SendFailure.GONE, SendFailure.CLOSED, SendFailure.VOID])
def test_place__a_private_answer_never_goes_to_a_channel(trouble):
    assert places(by_token(MINUTE), trouble) == [DeliveryRoute.DIRECT_MESSAGE]


def test_nonce__is_short_and_names_delivery_generation_part_and_channel():
    assert nonce(delivery(), 2) == "rd7-1-2-123"
    names = {
        nonce(of, part, again=again)
        for of in (delivery(), delivery(generation=2), delivery(id=8), delivery(channel_id="30124"))
        for part in (0, 1, 11)
        for again in (False, True)
    }
    assert len(names) == 4 * 3 * 2
    huge = delivery(id=2**63 - 1, generation=100, channel_id=str(2**63 - 1))
    assert len(nonce(huge, 12)) <= 25
    assert nonce(huge, 12) != nonce(huge, 13)


def test_pause__grows_up_to_five_minutes():
    pauses = [pause_s(attempts) for attempts in range(1000)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (2.0, 300.0)


def test_progress_gap__messages_older_than_an_hour_are_edited_seldom():
    assert progress_gap_s(delivery(), NOW + 30 * MINUTE) == 1.0
    assert progress_gap_s(delivery(), NOW + 60 * MINUTE) >= 60.0


def test_late__counts_from_the_request_or_from_the_retry():
    ended = (job("succeeded", NOW), job("succeeded", NOW - MINUTE))
    assert not is_late(DeliveryView(delivery(created_at=NOW - MINUTE), ended))
    assert is_late(DeliveryView(delivery(created_at=NOW - 3 * MINUTE), ended))
    retried = delivery(created_at=NOW - 60 * MINUTE, generation=2, due_at=NOW - MINUTE)
    assert not is_late(DeliveryView(retried, ended))


def test_one_message__holds_everything_of_a_long_answer():
    buttons = ((Button("sources", 1, "Sources"),),)
    parts = [
        OutgoingMessage("one"),
        OutgoingMessage("two", files=(OutgoingFile("a.txt", b"a"),)),
        OutgoingMessage("three", buttons=buttons),
    ]
    folded = merge_into_one(parts)
    assert (folded.content, folded.buttons) == ("one", buttons)
    assert [(file.name, file.content) for file in folded.files] == [
        ("a.txt", b"a"),
        ("answer.md", b"one\n\ntwo\n\nthree"),
    ]
    assert merge_into_one(parts[:1]) is parts[0]


def posted(content: str, replies_to: str | None = "4") -> PostedMessage:
    return PostedMessage("9", content, 0, NOW, replies_to)


def test_parts_there__only_replies_to_the_first_count_and_only_in_order():
    two, three = OutgoingMessage("two "), OutgoingMessage("three")
    assert count_posted_parts([], "4", [two, three]) == 0
    assert count_posted_parts([posted("two")], "4", [two, three]) == 1
    assert count_posted_parts([posted("x"), posted("two"), posted("three")], "4", [two, three]) == 2
    assert count_posted_parts([posted("three")], "4", [two, three]) == 0
    assert count_posted_parts([posted("two", None), posted("two", "5")], "4", [two, three]) == 0


def test_held__sends_nothing_once_the_claim_may_have_ended():
    async def wait_for_ever(held: ClaimedDelivery) -> None:
        async with held.while_held():
            held.prolong(asyncio.get_running_loop().time())
            await asyncio.Event().wait()

    async def run() -> list[str]:
        loop = asyncio.get_running_loop()
        sent = []
        held = ClaimedDelivery(delivery(), claimed_at=loop.time(), deadline=loop.time() - 1, inherited=False)
        with pytest.raises(ClaimLost):
            async with held.while_held():
                sent.append("after the end")
        held.prolong(loop.time() + 3600)
        async with held.while_held():
            sent.append("within")
        with pytest.raises(ClaimLost):
            await wait_for_ever(held)
        held.prolong(loop.time() + 3600)
        with pytest.raises(TimeoutError):
            async with held.while_held():
                raise TimeoutError("of the library")
        held.stopping = True
        with pytest.raises(ClaimLost):
            async with held.while_held():
                sent.append("while stopping")
        return sent

    assert asyncio.run(run()) == ["within"]
