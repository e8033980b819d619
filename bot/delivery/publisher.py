"""Publish the messages of a delivery and record each one, so that every result is shown exactly once."""

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
    merge_into_one,
    needs_notice,
    next_route,
    nonce,
    token_left,
    uses_token,
)
from bot.delivery.pages import completion_notice, final_pages, ready_notice, rerouted_notice
from bot.delivery.send import DiscordSender, SendError
from bot.render import sanitize
from bot.render.message import OutgoingMessage
from bot.render.without_embeds import write_embeds_as_text
from db import deliveries
from db.deliveries import Delivery, DeliveryView

log = structlog.get_logger(__name__)

CLOCK_SKEW = dt.timedelta(seconds=10)
UNKNOWN_MESSAGE = 10008
MISSING_PERMISSIONS = 50013
MAX_THREAD_NAME = 100
"""Discord's limit for the name of a thread."""
UNDELIVERABLE = (
    "Discord accepts no message to this user, neither in the channel nor as a direct message. /jobs shows the result."
)


class MessagePublisher:
    """Sends messages and records each one immediately."""

    def __init__(self, sender: DiscordSender, claims: DeliveryClaims) -> None:
        """Send with `sender` and record with `claims`."""
        self._sender = sender
        self._claims = claims

    @asynccontextmanager
    async def sending(self, claimed: ClaimedDelivery, *, posting: bool = False) -> AsyncIterator[None]:
        """Hold the turn of a delivery for a block, while the claim is valid; `posting` is for a further message."""
        async with claimed.while_claimed(), self._sender.turn(claimed.delivery, posting=posting):
            claimed.sending = True
            try:
                yield
            finally:
                claimed.sending = False

    async def show_first(
        self,
        claimed: ClaimedDelivery,
        message: OutgoingMessage,
        *,
        since: dt.datetime | None = None,
        again: bool = False,
        silent: bool = False,
    ) -> bool:
        """Show the first message of a delivery: edit it, or post it if there is none. Call it in `sending`.

        A message that a process posted but did not record before it died is reused. Within minutes Discord finds it by
        its nonce, later it is searched in the channel's history.

        Args:
            claimed: The delivery.
            message: The new content.
            since: Start of the search in the history; by default the creation of the delivery.
            again: The message replaces a deleted one.
            silent: Post without a notification.

        Returns:
            Whether a message was posted.
        """
        delivery = claimed.delivery
        if delivery.route == "token" or delivery.message_id is not None:
            if not await self._edit_by_token(claimed, message):
                await self._sender.edit(delivery, message)
            return False
        posted = await self._find_posted(claimed, message, since) if claimed.may_be_posted else None
        if posted is None:
            key = nonce(delivery, 0, again=again)
            posted = await self._sender.post(delivery, message, key, reply_to=delivery.reply_to_id, silent=silent)
        await self._claims.write(deliveries.mark_posted, claimed, posted.id)
        if not posted.shows(message):
            await self._sender.edit(claimed.delivery, message)
        return True

    def adapt(self, delivery: Delivery, pages: Sequence[OutgoingMessage]) -> list[OutgoingMessage]:
        """Write embeds as text where Discord would drop them, because the bot lacks the permission *Embed Links*."""
        return list(pages) if self._sender.may_embed(delivery) else write_embeds_as_text(pages)

    async def _edit_by_token(self, claimed: ClaimedDelivery, message: OutgoingMessage) -> bool:
        """Edit the message of a command with its interaction token while that is valid; return whether that was done.

        Edits with the token have a separate rate limit, so they do not wait for other messages in the channel, and they
        are the only documented way to end "is thinking…". Both tokens edit the same message, so the bot token can
        continue at any time.
        """
        delivery = claimed.delivery
        if delivery.route != "channel" or not uses_token(delivery, dt.datetime.now(dt.UTC)):
            return False
        try:
            await self._sender.edit_by_token(delivery, message)
        except SendError as error:
            if error.failure in {SendFailure.TEMPORARY, SendFailure.INVALID_MESSAGE}:
                raise
            if error.failure is SendFailure.TOKEN_EXPIRED:
                await self._claims.write(deliveries.clear_token, claimed)
            return False
        return True

    async def deliver(self, claimed: ClaimedDelivery, view: DeliveryView) -> None:
        """Show the result and close the delivery.

        Raises:
            SendError: The failure is temporary; the delivery stays open.
        """
        pages = shown = self.adapt(claimed.delivery, final_pages(view))
        tried: set[DeliveryRoute] = set()
        route: DeliveryRoute | None = None
        notice_only = False
        while True:
            try:
                if route is not None:
                    await self._reroute(claimed, route)
                await self._show(claimed, view, shown, again=DeliveryRoute.SAME_CHANNEL in tried)
                break
            except SendError as error:
                if error.failure is SendFailure.TEMPORARY:
                    raise
                if error.code == MISSING_PERMISSIONS and shown is pages and any(page.embeds for page in pages):
                    # The bot may lack only *Embed Links* in a channel whose permissions are unknown here; then the
                    # text is accepted in the same message.
                    shown, route = write_embeds_as_text(pages), None
                    continue
                if error.code == MISSING_PERMISSIONS:
                    await self._name_other_route(claimed, view)
                if error.failure is SendFailure.INVALID_MESSAGE:
                    log.warning("discord rejected a message", delivery=claimed.delivery.id, error=str(error))
                    route = DeliveryRoute.NOWHERE if notice_only else None
                    pages, notice_only = [ready_notice(view)], True
                else:
                    route = next_route(claimed.delivery, error.failure, frozenset(tried))
                    tried.add(route)
                shown = pages
                if route is DeliveryRoute.NOWHERE:
                    await self._give_up(claimed, error)
                    return
        await self._start_thread(claimed, view)
        async with claimed.while_claimed():
            await self._claims.write(deliveries.finish, claimed)
        delivery = claimed.delivery
        log.info("delivered", delivery=delivery.id, jobs=[job.id for job in view.jobs], route=delivery.route)

    async def _show(
        self, claimed: ClaimedDelivery, view: DeliveryView, pages: Sequence[OutgoingMessage], *, again: bool
    ) -> None:
        since = _finished_at(view)
        if claimed.delivery.route == "token":
            if token_left(claimed.delivery, dt.datetime.now(dt.UTC)) <= dt.timedelta(0):
                raise SendError(SendFailure.TOKEN_EXPIRED, "the interaction token has expired")
            pages = [merge_into_one(pages)]
        async with self.sending(claimed):
            posted = await self.show_first(claimed, pages[0], since=since, again=again)
        if pages[1:]:
            await self._show_rest(claimed, pages, since)
        elif not posted and claimed.delivery.route == "channel" and needs_notice(view):
            await self._post_notice(claimed, completion_notice(view), since)

    async def _show_rest(
        self, claimed: ClaimedDelivery, pages: Sequence[OutgoingMessage], since: dt.datetime | None
    ) -> None:
        """Post the further messages, or merge them into the first one where the bot may edit but not post."""
        try:
            await self._post_parts(claimed, pages[1:], since)
        except SendError as error:
            if error.failure is not SendFailure.NO_ACCESS or claimed.delivery.parts_sent:
                raise
            async with self.sending(claimed):
                await self._sender.edit(claimed.delivery, merge_into_one(pages))

    async def _post_notice(self, claimed: ClaimedDelivery, notice: OutgoingMessage, since: dt.datetime | None) -> None:
        try:
            await self._post_parts(claimed, [notice], since)
        except SendError as error:
            if error.failure is SendFailure.TEMPORARY:
                raise
            # The answer itself is shown.
            log.info("completion notice not posted", delivery=claimed.delivery.id, error=str(error))

    async def _post_parts(
        self, claimed: ClaimedDelivery, parts: Sequence[OutgoingMessage], since: dt.datetime | None
    ) -> None:
        first_id = claimed.delivery.message_id
        if claimed.delivery.parts_sent >= len(parts) or first_id is None:
            return
        if claimed.may_be_posted:
            async with self.sending(claimed, posting=True):
                history = await self._sender.own_messages(claimed.delivery, first_id, since)
                count = count_posted_parts(history, first_id, parts[claimed.delivery.parts_sent :])
                if count:
                    await self._claims.write(deliveries.mark_parts_sent, claimed, claimed.delivery.parts_sent + count)
        for number in range(claimed.delivery.parts_sent, len(parts)):
            async with self.sending(claimed, posting=True):
                await self._post_part(claimed, parts[number], number + 1, first_id)

    async def _post_part(self, claimed: ClaimedDelivery, message: OutgoingMessage, number: int, first_id: str) -> None:
        try:
            await self._sender.post(claimed.delivery, message, nonce(claimed.delivery, number), reply_to=first_id)
        except SendError as error:
            if error.failure is not SendFailure.MESSAGE_GONE:
                raise
            # An unknown message means that the nonce belongs to a message that was posted and then deleted. Any other
            # code means that the thread accepts no messages.
            if error.code != UNKNOWN_MESSAGE:
                raise SendError(SendFailure.NO_ACCESS, str(error)) from error
        await self._claims.write(deliveries.mark_parts_sent, claimed, number)

    async def _find_posted(
        self, claimed: ClaimedDelivery, message: OutgoingMessage, since: dt.datetime | None
    ) -> PostedMessage | None:
        """Find the first message in the channel's history, if a process posted it without recording it."""
        delivery = claimed.delivery
        start = since or delivery.created_at - CLOCK_SKEW
        history = await self._sender.own_messages(delivery, delivery.reply_to_id, start)
        others = (
            await self._claims.find_foreign_messages(claimed, [posted.id for posted in history]) if history else set()
        )
        for posted in history:
            if posted.id in others:
                continue
            is_reply = delivery.reply_to_id is not None and posted.replies_to == delivery.reply_to_id
            if is_reply or posted.shows(message):
                return posted
        return None

    async def _start_thread(self, claimed: ClaimedDelivery, view: DeliveryView) -> None:
        """Start the thread that the channel's settings request for each answer; without one, the answer is complete."""
        delivery, job = claimed.delivery, view.jobs[0]
        if not job.payload.get("thread") or not job.result or job.result.get("abstained"):
            return
        if delivery.message_id is None or not self._sender.may_start_thread(delivery):
            return
        try:
            async with self.sending(claimed, posting=True):
                await self._sender.start_thread(delivery, sanitize.plain_line(job.about, MAX_THREAD_NAME))
        except SendError as error:
            # After a restart of the bot, the thread may exist already.
            log.info("thread not started", delivery=delivery.id, error=str(error))

    async def _name_other_route(self, claimed: ClaimedDelivery, view: DeliveryView) -> None:
        """Replace the progress in the channel, because the result cannot be shown there and is sent elsewhere."""
        delivery = claimed.delivery
        if delivery.private or delivery.route == "token" or delivery.message_id is None:
            return
        try:
            async with self.sending(claimed):
                await self._sender.edit(delivery, rerouted_notice(view))
        except SendError as error:
            # Without access to the channel, its message stays as it is.
            log.info("reroute notice not shown", delivery=delivery.id, error=str(error))

    async def _reroute(self, claimed: ClaimedDelivery, route: DeliveryRoute) -> None:
        delivery = claimed.delivery
        channel_id = delivery.channel_id
        if route is DeliveryRoute.DIRECT_MESSAGE:
            async with self.sending(claimed):
                channel_id = await self._sender.open_dm(delivery)
            if channel_id == delivery.channel_id and delivery.route == "channel":
                raise SendError(SendFailure.DM_CLOSED, "the user accepts no direct messages")
        async with claimed.while_claimed():
            await self._claims.write(
                deliveries.reroute, claimed, route="channel", channel_id=channel_id, message_id=None
            )
        log.info("delivery rerouted", delivery=delivery.id, route=route.name.lower())

    async def _give_up(self, claimed: ClaimedDelivery, error: SendError) -> None:
        async with claimed.while_claimed():
            await self._claims.write(deliveries.mark_undeliverable, claimed, f"{UNDELIVERABLE} ({error})")
        log.warning("undeliverable", delivery=claimed.delivery.id, error=str(error))


def _finished_at(view: DeliveryView) -> dt.datetime | None:
    finished = [job.finished_at for job in view.jobs if job.finished_at is not None]
    return max(finished) - CLOCK_SKEW if finished else None
