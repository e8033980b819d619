"""The requests to Discord that deliveries need, with one classification of every failure."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final
from weakref import WeakValueDictionary

import aiohttp
import discord

from bot.delivery.decisions import (
    LIMIT_WINDOW_S,
    REQUESTS_PER_WINDOW,
    RESTRICTED_EDITS_AGE,
    PostedMessage,
    SendFailure,
    classify_failure,
    uses_token,
)
from bot.render.message import OutgoingMessage
from bot.render.payload import build_allowed_mentions, build_edit_arguments, build_send_arguments
from db.deliveries import Delivery

NO_MENTIONS = discord.AllowedMentions.none()
HISTORY_LIMIT = 200
"""Messages searched for one that a process may have posted before it died."""
NO_REPLY_WITHOUT_HISTORY = 160002
THREAD_ARCHIVE_MINUTES: Final = 1440
LONG_RATE_LIMIT_S = 60.0
REQUEST_TIMEOUT_S = 20.0
"""Maximum duration of a request, including the library's waits and retries; then the next one in its channel runs."""


class SendError(Exception):
    """A request to Discord failed."""

    def __init__(self, failure: SendFailure, text: str, *, code: int = 0, retry_after_s: float = 0.0) -> None:
        """Create an error.

        Args:
            failure: The class of the failure.
            text: Discord's message, or the kind of network error.
            code: Discord's error code.
            retry_after_s: Wait that Discord requested.
        """
        super().__init__(text)
        self.failure = failure
        self.code = code
        self.retry_after_s = retry_after_s


def is_first_post(delivery: Delivery) -> bool:
    """Return whether the first message of a delivery has to be posted."""
    return delivery.route == "channel" and delivery.message_id is None


def bucket_of(delivery: Delivery, *, posting: bool = False) -> str:
    """Return the name of the rate limit bucket of the next request: the token's, or the channel's posts or edits.

    Args:
        delivery: The delivery.
        posting: The request posts a further message.
    """
    if posting or is_first_post(delivery):
        return f"posts {delivery.channel_id}"
    if uses_token(delivery, dt.datetime.now(dt.UTC)):
        return f"token {delivery.id}"
    return f"edits {delivery.channel_id}"


class DiscordSender:
    """Sends requests for deliveries: one at a time in each rate limit bucket, and a limited number in total."""

    def __init__(self, bot: discord.Client, *, concurrency: int = 20) -> None:
        """Bind to a client that is logged in."""
        self._bot = bot
        self._slots = asyncio.Semaphore(concurrency)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._sent: dict[str, deque[float]] = {}
        self.in_flight = 0

    @asynccontextmanager
    async def turn(self, delivery: Delivery, *, posting: bool = False) -> AsyncIterator[None]:
        """Wait until no other delivery sends in the same bucket, and block the others meanwhile.

        discord.py sleeps inside a call while it is rate limited, so a call must not block other buckets.
        """
        key = bucket_of(delivery, posting=posting)
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        async with lock, self._slots:
            self.in_flight += 1
            try:
                yield
            finally:
                self.in_flight -= 1

    def may_embed(self, delivery: Delivery) -> bool:
        """Check whether the bot may use embeds in the delivery's channel; True if its permissions are unknown."""
        permissions = find_permissions(self._bot, delivery.guild_id, delivery.channel_id)
        return permissions is None or permissions.embed_links

    def may_start_thread(self, delivery: Delivery) -> bool:
        """Check whether the bot may start a thread in the delivery's channel; False if its permissions are unknown."""
        permissions = find_permissions(self._bot, delivery.guild_id, delivery.channel_id)
        return permissions is not None and permissions.create_public_threads

    def last_sent(self, bucket: str) -> Sequence[float]:
        """Return when the last requests of a bucket ended, on the event loop's clock, oldest first."""
        return self._sent.get(bucket, ())

    @contextmanager
    def _note_sent(self, bucket: str) -> Iterator[None]:
        try:
            yield
        finally:
            now = asyncio.get_running_loop().time()
            sent = self._sent.pop(bucket, deque(maxlen=REQUESTS_PER_WINDOW))
            sent.append(now)
            self._sent[bucket] = sent
            # The buckets are in the order of their last requests, so the outdated ones come first.
            for known, times in list(self._sent.items()):
                if times[-1] > now - LIMIT_WINDOW_S:
                    break
                del self._sent[known]

    async def edit(self, delivery: Delivery, message: OutgoingMessage) -> None:
        """Edit the delivery's message; its previous files are removed."""
        if delivery.route == "token":
            await self.edit_by_token(delivery, message)
            return
        old = dt.datetime.now(dt.UTC) - delivery.created_at > RESTRICTED_EDITS_AGE
        with self._note_sent(f"edits {delivery.channel_id}"):
            async with send_errors(old=old):
                target = self._channel(delivery).get_partial_message(int(delivery.message_id or 0))
                await target.edit(**build_edit_arguments(message), allowed_mentions=NO_MENTIONS)

    async def edit_by_token(self, delivery: Delivery, message: OutgoingMessage) -> None:
        """Edit the response to the interaction with the interaction's token."""
        with self._note_sent(f"token {delivery.id}"):
            async with send_errors(by_token=True):
                webhook = discord.Webhook.partial(int(delivery.application_id), delivery.token or "", client=self._bot)
                # discord.py copies the ID into the path; `@original` is Discord's name of the first response.
                original: Any = "@original"
                await webhook.edit_message(original, **build_edit_arguments(message), allowed_mentions=NO_MENTIONS)

    async def post(
        self,
        delivery: Delivery,
        message: OutgoingMessage,
        nonce: str,
        *,
        reply_to: str | None = None,
        silent: bool = False,
    ) -> PostedMessage:
        """Post a new message; a repeated nonce returns the existing message, within a few minutes."""
        mentions = build_allowed_mentions(message)
        arguments = build_send_arguments(message) | {"nonce": nonce, "silent": silent, "allowed_mentions": mentions}
        if reply_to is None:
            return await self._post(delivery, arguments)
        reference = discord.MessageReference(
            message_id=int(reply_to), channel_id=int(delivery.channel_id), fail_if_not_exists=False
        )
        try:
            return await self._post(delivery, arguments | {"reference": reference, "mention_author": False})
        except SendError as error:
            if error.code != NO_REPLY_WITHOUT_HISTORY:
                raise
        return await self._post(delivery, arguments)

    async def _post(self, delivery: Delivery, arguments: dict[str, Any]) -> PostedMessage:
        with self._note_sent(f"posts {delivery.channel_id}"):
            async with send_errors():
                return _to_posted(await self._channel(delivery).send(**arguments))

    async def start_thread(self, delivery: Delivery, name: str) -> None:
        """Start a public thread on the delivery's message."""
        async with send_errors():
            target = self._channel(delivery).get_partial_message(int(delivery.message_id or 0))
            await target.create_thread(name=name, auto_archive_duration=THREAD_ARCHIVE_MINUTES)

    async def open_dm(self, delivery: Delivery) -> str:
        """Open the direct messages with the requester and return the channel ID."""
        async with send_errors():
            channel = await self._bot.create_dm(discord.Object(int(delivery.user_id)))
        return str(channel.id)

    async def own_messages(
        self, delivery: Delivery, after_id: str | None, since: dt.datetime | None
    ) -> list[PostedMessage]:
        """Read the bot's messages in the delivery's channel, oldest first; empty if it may not read the history."""
        start = max(int(after_id or 0), discord.utils.time_snowflake(since) if since else 0)
        try:
            async with send_errors():
                history = self._channel(delivery).history(
                    limit=HISTORY_LIMIT, after=discord.Object(start), oldest_first=True
                )
                return [_to_posted(message) async for message in history if message.author == self._bot.user]
        except SendError as error:
            if error.failure is SendFailure.TEMPORARY:
                raise
            return []

    def _channel(self, delivery: Delivery) -> discord.PartialMessageable:
        guild = None if delivery.guild_id is None else int(delivery.guild_id)
        return self._bot.get_partial_messageable(int(delivery.channel_id), guild_id=guild)


def find_permissions(bot: discord.Client, guild_id: str | None, channel_id: str) -> discord.Permissions | None:
    """Return the bot's permissions in a channel; None for direct messages and what is not cached."""
    guild = None if guild_id is None else bot.get_guild(int(guild_id))
    channel = None if guild is None else guild.get_channel_or_thread(int(channel_id))
    if guild is None or channel is None or guild.me is None:
        return None
    try:
        return channel.permissions_for(guild.me)
    except discord.ClientException:  # the parent of a thread is not cached
        return None


@asynccontextmanager
async def send_errors(*, by_token: bool = False, old: bool = False) -> AsyncIterator[None]:
    """Translate the errors of discord.py into `SendError`.

    Args:
        by_token: The request uses an interaction token.
        old: The request edits a message that is so old that Discord restricts its edits.
    """
    try:
        async with asyncio.timeout(REQUEST_TIMEOUT_S):
            yield
    except TimeoutError:
        raise SendError(SendFailure.TEMPORARY, f"Discord did not respond within {REQUEST_TIMEOUT_S:.0f} s") from None
    except discord.RateLimited as error:
        # Such a long limit on an old message is the limit on edits of old messages (30046); a new one can be posted.
        is_edit_limit = old and error.retry_after > LONG_RATE_LIMIT_S
        raise SendError(
            SendFailure.MESSAGE_GONE if is_edit_limit else SendFailure.TEMPORARY,
            f"rate limited for {error.retry_after:.0f} s",
            retry_after_s=error.retry_after,
        ) from error
    except discord.HTTPException as error:
        failure = classify_failure(error.status, error.code, by_token=by_token)
        text = f"{error.status} {error.code}: {error.text}"[:500]
        raise SendError(failure, text, code=error.code, retry_after_s=_retry_after(error)) from error
    except (aiohttp.ClientError, OSError) as error:
        # The text of these errors may contain the URL, and the URL an interaction token.
        raise SendError(SendFailure.TEMPORARY, f"Discord is unreachable ({type(error).__name__})") from None


def _retry_after(error: discord.HTTPException) -> float:
    if error.status != 429:
        return 0.0
    try:
        return float(error.response.headers.get("Retry-After", 0))
    except ValueError:
        return 0.0


def _to_posted(message: discord.Message) -> PostedMessage:
    reference = message.reference
    replies_to = None if reference is None or reference.message_id is None else str(reference.message_id)
    buttons = [item for row in message.components if isinstance(row, discord.ActionRow) for item in row.children]
    custom_ids = frozenset(item.custom_id for item in buttons if item.custom_id is not None)
    return PostedMessage(
        str(message.id), message.content, len(message.embeds), message.created_at, replies_to, custom_ids
    )
