"""Sending: the requests to Discord that a delivery needs, each with one meaning for every refusal."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakValueDictionary

import aiohttp
import discord

from bot.delivery.decisions import OLD, PostedMessage, SendFailure, classify_failure
from bot.render.message import OutgoingMessage
from bot.render.payload import build_edit_arguments, build_send_arguments
from db.deliveries import Delivery

NOBODY = discord.AllowedMentions.none()
HISTORY = 200
"""Messages looked through for one that a process may have posted before it died."""
NO_REPLY_WITHOUT_HISTORY = 160002
LONG_LIMIT_S = 60.0
REQUEST_S = 20.0
"""A request that takes longer, with all that the library waits and tries again, holds up its channel no more."""


class SendError(Exception):
    """Discord did not do what was asked."""

    def __init__(self, trouble: SendFailure, text: str, *, code: int = 0, retry_after_s: float = 0.0) -> None:
        """Take what it means, Discord's own words and code, and how long Discord asks to wait."""
        super().__init__(text)
        self.trouble = trouble
        self.code = code
        self.retry_after_s = retry_after_s


class DiscordSender:
    """Discord as deliveries see it: in each channel one request at a time, and not too many over all."""

    def __init__(self, bot: discord.Client, *, at_once: int = 20) -> None:
        """Bind to a client that is logged in."""
        self._bot = bot
        self._slots = asyncio.Semaphore(at_once)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.in_flight = 0

    @asynccontextmanager
    async def turn(self, delivery: Delivery) -> AsyncIterator[None]:
        """Wait for this delivery's turn in its channel.

        discord.py sleeps inside a call when Discord asks for patience, so whoever has the turn holds up its own channel
        and no other. What an interaction's token reaches is limited for itself.
        """
        place = f"token {delivery.id}" if delivery.route == "token" else delivery.channel_id
        lock = self._turns.get(place)
        if lock is None:
            lock = self._turns[place] = asyncio.Lock()
        async with lock, self._slots:
            self.in_flight += 1
            try:
                yield
            finally:
                self.in_flight -= 1

    async def edit(self, delivery: Delivery, shown: OutgoingMessage) -> None:
        """Make the delivery's message show this; files that it held go."""
        if delivery.route == "token":
            await self.edit_by_token(delivery, shown)
            return
        async with _refusals(old=dt.datetime.now(dt.UTC) - delivery.created_at > OLD):
            message = self._channel(delivery).get_partial_message(int(delivery.message_id or 0))
            await message.edit(**build_edit_arguments(shown), allowed_mentions=NOBODY)

    async def edit_by_token(self, delivery: Delivery, shown: OutgoingMessage) -> None:
        """Make the answer to the interaction show this, with the interaction's token."""
        async with _refusals(by_token=True):
            application = discord.Webhook.partial(int(delivery.application_id), delivery.token or "", client=self._bot)
            # The library writes the id into the path as it is, and this one is Discord's name for the first answer.
            original: Any = "@original"
            await application.edit_message(original, **build_edit_arguments(shown), allowed_mentions=NOBODY)

    async def post(
        self,
        delivery: Delivery,
        shown: OutgoingMessage,
        nonce: str,
        *,
        reply_to: str | None = None,
        silent: bool = False,
    ) -> PostedMessage:
        """Post a new message; the same nonce again within minutes gives the message that is there."""
        arguments = build_send_arguments(shown) | {"nonce": nonce, "silent": silent, "allowed_mentions": NOBODY}
        if reply_to is None:
            return await self._post(delivery, arguments)
        reference = discord.MessageReference(
            message_id=int(reply_to), channel_id=int(delivery.channel_id), fail_if_not_exists=False
        )
        try:
            return await self._post(delivery, arguments | {"reference": reference, "mention_author": False})
        except SendError as refusal:
            if refusal.code != NO_REPLY_WITHOUT_HISTORY:
                raise
        return await self._post(delivery, arguments)

    async def _post(self, delivery: Delivery, arguments: dict[str, Any]) -> PostedMessage:
        async with _refusals():
            return _posted(await self._channel(delivery).send(**arguments))

    async def open_dm(self, delivery: Delivery) -> str:
        """Give the channel of direct messages with the person who asked."""
        async with _refusals():
            channel = await self._bot.create_dm(discord.Object(int(delivery.user_id)))
        return str(channel.id)

    async def own_messages(
        self, delivery: Delivery, after_id: str | None, since: dt.datetime | None
    ) -> list[PostedMessage]:
        """Read what the bot itself posted in the delivery's channel, oldest first; nothing where it may not read."""
        start = max(int(after_id or 0), discord.utils.time_snowflake(since) if since else 0)
        try:
            async with _refusals():
                history = self._channel(delivery).history(limit=HISTORY, after=discord.Object(start), oldest_first=True)
                return [_posted(message) async for message in history if message.author == self._bot.user]
        except SendError as refusal:
            if refusal.trouble is SendFailure.LATER:
                raise
            return []

    def _channel(self, delivery: Delivery) -> discord.PartialMessageable:
        guild = None if delivery.guild_id is None else int(delivery.guild_id)
        return self._bot.get_partial_messageable(int(delivery.channel_id), guild_id=guild)


@asynccontextmanager
async def _refusals(*, by_token: bool = False, old: bool = False) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(REQUEST_S):
            yield
    except TimeoutError:
        raise SendError(SendFailure.LATER, f"Discord gave no answer within {REQUEST_S:.0f} s") from None
    except discord.RateLimited as error:
        # So long a limit on the edit of an old message is the one for these (30046); a new message can be posted.
        trouble = SendFailure.GONE if old and error.retry_after > LONG_LIMIT_S else SendFailure.LATER
        raise SendError(
            trouble, f"rate limited for {error.retry_after:.0f} s", retry_after_s=error.retry_after
        ) from error
    except discord.HTTPException as error:
        trouble = classify_failure(error.status, error.code, by_token=by_token)
        text = f"{error.status} {error.code}: {error.text}"[:500]
        raise SendError(trouble, text, code=error.code, retry_after_s=_retry_after(error)) from error
    except (aiohttp.ClientError, OSError) as error:
        # The words of these may hold the address, and the address an interaction's token.
        raise SendError(SendFailure.LATER, f"Discord cannot be reached ({type(error).__name__})") from None


def _retry_after(error: discord.HTTPException) -> float:
    if error.status != 429:
        return 0.0
    try:
        return float(error.response.headers.get("Retry-After", 0))
    except ValueError:
        return 0.0


def _posted(message: discord.Message) -> PostedMessage:
    reference = message.reference
    replies_to = None if reference is None or reference.message_id is None else str(reference.message_id)
    buttons = [item for row in message.components if isinstance(row, discord.ActionRow) for item in row.children]
    pressed = frozenset(item.custom_id for item in buttons if item.custom_id is not None)
    return PostedMessage(str(message.id), message.content, len(message.embeds), message.created_at, replies_to, pressed)
