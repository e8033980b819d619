"""The end of a delivery: all of it shown, wherever the person can still be reached, exactly once as people see it."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog

from bot.delivery.claims import ClaimedDelivery, DeliveryClaims
from bot.delivery.decisions import (
    DeliveryRoute,
    PostedMessage,
    SendFailure,
    count_posted_parts,
    is_late,
    merge_into_one,
    next_route,
    nonce,
    token_left,
)
from bot.delivery.pages import final_pages, late_notice_page, ready_notice_page
from bot.delivery.send import DiscordSender, SendError
from bot.render.message import OutgoingMessage
from db import deliveries
from db.deliveries import DeliveryView

log = structlog.get_logger(__name__)

CLOCK_SKEW = dt.timedelta(seconds=10)
UNKNOWN_MESSAGE = 10008
UNREACHABLE = "Discord takes no message for this person, neither there nor as a direct message; /jobs shows the result."


class MessagePublisher:
    """Shows messages and records each as soon as it is out."""

    def __init__(self, sender: DiscordSender, claims: DeliveryClaims) -> None:
        """Send through one sender and record through one set of claims."""
        self._sender = sender
        self._claims = claims

    @asynccontextmanager
    async def sending(self, held: ClaimedDelivery) -> AsyncIterator[None]:
        """Wait for the turn of a delivery and keep it, as long as the claim holds."""
        async with held.while_held(), self._sender.turn(held.delivery):
            held.busy = True
            try:
                yield
            finally:
                held.busy = False

    async def show_first(
        self,
        held: ClaimedDelivery,
        shown: OutgoingMessage,
        *,
        since: dt.datetime | None = None,
        again: bool = False,
        silent: bool = False,
    ) -> bool:
        """Make the delivery's message show this, posting it where there is none; tells whether it was posted.

        Call it in `sending`. What a process posted and did not record before it died is found and used: by its nonce
        within minutes, later in the channel's history.
        """
        delivery = held.delivery
        if delivery.route == "token" or delivery.message_id is not None:
            if not await self._end_thinking(held, shown):
                await self._sender.edit(delivery, shown)
            return False
        posted = await self._posted_before(held, shown, since) if held.inherited else None
        if posted is None:
            name = nonce(delivery, 0, again=again)
            posted = await self._sender.post(delivery, shown, name, reply_to=delivery.reply_to_id, silent=silent)
        await self._claims.write(deliveries.mark_posted, held, posted.id)
        if not posted.shows(shown):
            await self._sender.edit(held.delivery, shown)
        return True

    async def _end_thinking(self, held: ClaimedDelivery, shown: OutgoingMessage) -> bool:
        """Show the first thing of a deferred message with the interaction's token; tells whether that was done.

        Discord documents only this way out of "is thinking"; every later edit is the bot's own. The token goes then.
        """
        delivery = held.delivery
        if delivery.route != "channel" or token_left(delivery, dt.datetime.now(dt.UTC)) <= dt.timedelta(0):
            return False
        try:
            await self._sender.edit_by_token(delivery, shown)
        except SendError as refusal:
            if refusal.trouble in {SendFailure.LATER, SendFailure.INVALID}:
                raise
            return False
        await self._claims.write(deliveries.clear_token, held)
        return True

    async def deliver(self, held: ClaimedDelivery, view: DeliveryView) -> None:
        """Show the end and close the delivery; raises `SendError` only for what may work later."""
        pages = final_pages(view)
        tried: set[DeliveryRoute] = set()
        place: DeliveryRoute | None = None
        plain = False
        while True:
            try:
                if place is not None:
                    await self._move(held, place)
                await self._show(held, view, pages, again=DeliveryRoute.SAME_CHANNEL in tried)
                break
            except SendError as refusal:
                if refusal.trouble is SendFailure.LATER:
                    raise
                if refusal.trouble is SendFailure.INVALID:
                    log.warning("Discord does not take a message", delivery=held.delivery.id, error=str(refusal))
                    place = DeliveryRoute.NOWHERE if plain else None
                    pages, plain = [ready_notice_page(view)], True
                else:
                    place = next_route(held.delivery, refusal.trouble, frozenset(tried))
                    tried.add(place)
                if place is DeliveryRoute.NOWHERE:
                    await self._give_up(held, refusal)
                    return
        async with held.while_held():
            await self._claims.write(deliveries.finish, held)
        log.info("delivered", delivery=held.delivery.id, jobs=[job.id for job in view.jobs], route=held.delivery.route)

    async def _show(
        self, held: ClaimedDelivery, view: DeliveryView, pages: Sequence[OutgoingMessage], *, again: bool
    ) -> None:
        since = _ended_at(view)
        if held.delivery.route == "token":
            if token_left(held.delivery, dt.datetime.now(dt.UTC)) <= dt.timedelta(0):
                raise SendError(SendFailure.VOID, "the interaction's token has ended")
            pages = [merge_into_one(pages)]
        async with self.sending(held):
            posted = await self.show_first(held, pages[0], since=since, again=again)
        if pages[1:]:
            await self._show_rest(held, pages, since)
        elif not posted and held.delivery.route == "channel" and is_late(view):
            await self._notify(held, late_notice_page(view), since)

    async def _show_rest(
        self, held: ClaimedDelivery, pages: Sequence[OutgoingMessage], since: dt.datetime | None
    ) -> None:
        """Post the further messages; where the bot may edit but not post, all goes into the message that is there."""
        try:
            await self._show_parts(held, pages[1:], since)
        except SendError as refusal:
            if refusal.trouble is not SendFailure.CLOSED or held.delivery.parts_sent:
                raise
            async with self.sending(held):
                await self._sender.edit(held.delivery, merge_into_one(pages))

    async def _notify(self, held: ClaimedDelivery, notice: OutgoingMessage, since: dt.datetime | None) -> None:
        try:
            await self._show_parts(held, [notice], since)
        except SendError as refusal:
            if refusal.trouble is SendFailure.LATER:
                raise
            # The answer itself is there.
            log.info("nobody could be told that it is there", delivery=held.delivery.id, error=str(refusal))

    async def _show_parts(
        self, held: ClaimedDelivery, parts: Sequence[OutgoingMessage], since: dt.datetime | None
    ) -> None:
        first_id = held.delivery.message_id
        if held.delivery.parts_sent >= len(parts) or first_id is None:
            return
        if held.inherited:
            async with self.sending(held):
                history = await self._sender.own_messages(held.delivery, first_id, since)
                there = count_posted_parts(history, first_id, parts[held.delivery.parts_sent :])
                if there:
                    await self._claims.write(deliveries.mark_parts_sent, held, held.delivery.parts_sent + there)
        for number in range(held.delivery.parts_sent, len(parts)):
            async with self.sending(held):
                await self._show_part(held, parts[number], number + 1, first_id)

    async def _show_part(self, held: ClaimedDelivery, shown: OutgoingMessage, number: int, first_id: str) -> None:
        try:
            await self._sender.post(held.delivery, shown, nonce(held.delivery, number), reply_to=first_id)
        except SendError as refusal:
            if refusal.trouble is not SendFailure.GONE:
                raise
            # The nonce of a message that somebody deleted already: it was there. Otherwise the thread takes no more.
            if refusal.code != UNKNOWN_MESSAGE:
                raise SendError(SendFailure.CLOSED, str(refusal)) from refusal
        await self._claims.write(deliveries.mark_parts_sent, held, number)

    async def _posted_before(
        self, held: ClaimedDelivery, shown: OutgoingMessage, since: dt.datetime | None
    ) -> PostedMessage | None:
        delivery = held.delivery
        began = since or delivery.created_at - CLOCK_SKEW
        history = await self._sender.own_messages(delivery, delivery.reply_to_id, began)
        others = await self._claims.of_others(held, [message.id for message in history]) if history else set()
        for message in history:
            if message.id in others:
                continue
            answers = delivery.reply_to_id is not None and message.replies_to == delivery.reply_to_id
            if answers or message.shows(shown):
                return message
        return None

    async def _move(self, held: ClaimedDelivery, place: DeliveryRoute) -> None:
        delivery = held.delivery
        channel_id = delivery.channel_id
        if place is DeliveryRoute.DIRECT_MESSAGE:
            async with self.sending(held):
                channel_id = await self._sender.open_dm(delivery)
            if channel_id == delivery.channel_id and delivery.route == "channel":
                raise SendError(SendFailure.NO_DM, "the direct messages with this person are closed")
        async with held.while_held():
            await self._claims.write(deliveries.reroute, held, route="channel", channel_id=channel_id, message_id=None)
        log.info("delivery goes elsewhere", delivery=delivery.id, place=place.name.lower())

    async def _give_up(self, held: ClaimedDelivery, refusal: SendError) -> None:
        async with held.while_held():
            await self._claims.write(deliveries.mark_undeliverable, held, f"{UNREACHABLE} ({refusal})")
        log.warning("undeliverable", delivery=held.delivery.id, error=str(refusal))


def _ended_at(view: DeliveryView) -> dt.datetime | None:
    ends = [job.finished_at for job in view.jobs if job.finished_at is not None]
    return max(ends) - CLOCK_SKEW if ends else None
