"""Decide what a delivery needs next. Pure functions: no clock, no network, no database."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from bot.render.message import Button, OutgoingFile, OutgoingMessage
from db.deliveries import Delivery, DeliveryView

MIN_EDIT_INTERVAL_S = 1.0
"""Minimum time between two edits of one message."""
LIMIT_WINDOW_S = 5.0
REQUESTS_PER_WINDOW = 5
"""Edits, and new messages, that Discord accepts per window in a channel, and edits with one interaction token.

Observed, not documented. discord.py waits for the real limits, but does not report them.
"""
RESTRICTED_EDITS_AGE = dt.timedelta(minutes=55)
"""Age from which a message is edited rarely: Discord limits edits of messages older than an hour."""
RESTRICTED_EDIT_INTERVAL_S = 300.0
TOKEN_MARGIN = dt.timedelta(seconds=90)
"""Time before the token expires at which a waiting message starts to show where the answer will be sent."""
NOTIFY_AFTER = dt.timedelta(minutes=2)
"""Waiting time after which the user gets a new message, because an edit sends no notification."""
MAX_RETRY_DELAY_S = 300.0
MAX_NONCE_CHARS = 25
MAX_ATTEMPTS = 300
"""About a day of attempts at the maximum delay."""
MAX_INTERNAL_ERRORS = 5
"""Attempts after a defect of the bot."""


class DeliveryStep(Enum):
    """The next step of a delivery."""

    WAIT = auto()
    PROGRESS = auto()
    EXPIRING = auto()
    FINAL = auto()


class SendFailure(Enum):
    """The class of a failed request, which decides the next step."""

    MESSAGE_GONE = auto()
    """The message was deleted or cannot be edited any more; a new one can be posted."""
    NO_ACCESS = auto()
    """The channel was deleted, or the bot has no access to it."""
    TOKEN_EXPIRED = auto()
    """The interaction token has expired."""
    DM_CLOSED = auto()
    """The user accepts no direct messages from the bot."""
    INVALID_MESSAGE = auto()
    """Discord rejects the content of this message in every channel."""
    TEMPORARY = auto()
    """Unknown or temporary; the same request may succeed later."""


class DeliveryRoute(Enum):
    """The destination of the result after a failure."""

    SAME_CHANNEL = auto()
    DIRECT_MESSAGE = auto()
    NOWHERE = auto()


_FAILURE_BY_CODE = {
    10008: SendFailure.MESSAGE_GONE,  # unknown message
    30046: SendFailure.MESSAGE_GONE,  # too many edits of a message older than an hour
    50005: SendFailure.MESSAGE_GONE,  # the message was written by another user
    50083: SendFailure.MESSAGE_GONE,  # the thread is archived; a new message reopens it
    10003: SendFailure.NO_ACCESS,  # unknown channel
    10004: SendFailure.NO_ACCESS,  # unknown server
    50001: SendFailure.NO_ACCESS,  # missing access
    50008: SendFailure.NO_ACCESS,  # not a text channel
    50013: SendFailure.NO_ACCESS,  # missing permissions
    160005: SendFailure.NO_ACCESS,  # the thread is locked
    10015: SendFailure.TOKEN_EXPIRED,  # unknown webhook
    10062: SendFailure.TOKEN_EXPIRED,  # unknown interaction
    50027: SendFailure.TOKEN_EXPIRED,  # invalid webhook token
    10013: SendFailure.DM_CLOSED,  # unknown user
    50007: SendFailure.DM_CLOSED,  # cannot send messages to this user
    50033: SendFailure.DM_CLOSED,  # invalid recipient
    50278: SendFailure.DM_CLOSED,  # no mutual server
}


def classify_failure(status: int, code: int, *, by_token: bool) -> SendFailure:
    """Classify a failed request by its HTTP status and Discord's error code.

    A 403 without a code is from a proxy in front of Discord, so it is not about the channel.
    """
    failure = _FAILURE_BY_CODE.get(code)
    if failure is not None:
        return failure
    if by_token and status in {401, 404}:
        return SendFailure.TOKEN_EXPIRED
    return SendFailure.INVALID_MESSAGE if status in {400, 413} else SendFailure.TEMPORARY


def next_step(view: DeliveryView, now: dt.datetime, *, final_only: bool) -> DeliveryStep:
    """Decide what a delivery needs; `final_only` skips progress, because the message cannot be edited."""
    delivery = view.delivery
    if view.ended:
        return DeliveryStep.FINAL
    if final_only:
        return DeliveryStep.WAIT
    if delivery.route == "channel":
        return DeliveryStep.PROGRESS
    left = token_left(delivery, now)
    if left <= dt.timedelta(0):
        return DeliveryStep.WAIT
    return DeliveryStep.EXPIRING if left <= TOKEN_MARGIN else DeliveryStep.PROGRESS


def token_left(delivery: Delivery, now: dt.datetime) -> dt.timedelta:
    """Return how long the interaction token is still valid."""
    if delivery.token is None or delivery.token_expires is None:
        return dt.timedelta(0)
    return delivery.token_expires - now


def next_route(delivery: Delivery, failure: SendFailure, tried: frozenset[DeliveryRoute]) -> DeliveryRoute:
    """Choose where to send the result after a failure; each route is tried once.

    A private result is only sent to its user: by the token, then as a direct message. The channel of a private delivery
    on the `channel` route is already the direct messages.
    """
    if failure is SendFailure.DM_CLOSED:
        return DeliveryRoute.NOWHERE
    is_gone = failure is SendFailure.MESSAGE_GONE
    if delivery.route == "channel" and is_gone and DeliveryRoute.SAME_CHANNEL not in tried:
        return DeliveryRoute.SAME_CHANNEL
    return DeliveryRoute.NOWHERE if DeliveryRoute.DIRECT_MESSAGE in tried else DeliveryRoute.DIRECT_MESSAGE


def uses_token(delivery: Delivery, now: dt.datetime) -> bool:
    """Return whether the message is edited with the interaction token, whose rate limit no other message shares."""
    return delivery.route == "token" or token_left(delivery, now) > dt.timedelta(0)


def progress_interval_s(delivery: Delivery, now: dt.datetime) -> float:
    """Return the minimum time between two progress edits of a message, in seconds."""
    is_restricted = now - delivery.created_at >= RESTRICTED_EDITS_AGE
    return RESTRICTED_EDIT_INTERVAL_S if is_restricted else MIN_EDIT_INTERVAL_S


def next_progress_at(sent: Sequence[float], waiting: int, *, posting: bool) -> float:
    """Return from when on progress may use a rate limit bucket, so that a part of the limit is free for results.

    The more deliveries share the limit of edits, the more results may be due at once, so the rarer is their progress.
    New messages use the whole limit: every delivery posts one, with its progress or with its result.

    Args:
        sent: Times of the last requests, oldest first.
        waiting: Number of deliveries whose progress uses the bucket.
        posting: The bucket is that of new messages.
    """
    if posting:
        is_used_up = len(sent) >= REQUESTS_PER_WINDOW
        return sent[-REQUESTS_PER_WINDOW] + LIMIT_WINDOW_S if is_used_up else -math.inf
    interval_s = LIMIT_WINDOW_S / max(1, REQUESTS_PER_WINDOW - 1 - waiting)
    return sent[-1] + interval_s if sent else -math.inf


def nonce(delivery: Delivery, part: int, *, again: bool = False) -> str:
    """Build the nonce of a posted message, so that Discord posts it only once.

    Args:
        delivery: The delivery. Its channel is part of the nonce, because a part may be posted again in another channel.
        part: 0 for the first message, then the number of the further part.
        again: Build a different nonce, for a message that replaces a deleted one, whose nonce Discord remembers.
    """
    name = f"rd{delivery.id}-{delivery.generation}-{part}-{int(delivery.channel_id) % 1000}{'r' if again else ''}"
    return name if len(name) <= MAX_NONCE_CHARS else hashlib.sha256(name.encode()).hexdigest()[:MAX_NONCE_CHARS]


def retry_delay_s(attempts: int) -> float:
    """Return the delay after this many failed attempts, in seconds: exponential, with a maximum."""
    return float(min(MAX_RETRY_DELAY_S, 2.0 ** (min(attempts, 10) + 1)))


def needs_notice(view: DeliveryView) -> bool:
    """Check whether the user waited so long that a new message must announce the result."""
    delivery = view.delivery
    started_at = delivery.created_at if delivery.generation == 1 else delivery.due_at
    finished = [job.finished_at for job in view.jobs if job.finished_at is not None]
    return bool(finished) and max(finished) - started_at > NOTIFY_AFTER


def merge_into_one(pages: Sequence[OutgoingMessage]) -> OutgoingMessage:
    """Merge a long answer into one message with the whole text as a file, where only one message can be edited."""
    first = pages[0]
    if len(pages) == 1:
        return first
    text = "\n\n".join(page.content for page in pages if page.content)
    return OutgoingMessage(
        first.content,
        tuple(embed for page in pages for embed in page.embeds)[:10],
        tuple(row for page in pages for row in page.buttons)[:5],
        (*(file for page in pages for file in page.files), OutgoingFile("answer.md", text.encode())),
    )


def custom_ids(message: OutgoingMessage) -> frozenset[str]:
    """Return the custom IDs of the buttons."""
    return frozenset(button.custom_id for row in message.buttons for button in row if isinstance(button, Button))


@dataclass(frozen=True, slots=True)
class PostedMessage:
    """A message of the bot in the history of a channel."""

    id: str
    content: str
    embeds: int
    created_at: dt.datetime
    replies_to: str | None
    custom_ids: frozenset[str] = frozenset()

    def shows(self, message: OutgoingMessage) -> bool:
        """Check whether it has the content of `message`. Discord strips text, and the buttons identify the job."""
        same = self.content.strip() == message.content.strip() and self.embeds == len(message.embeds)
        return same and self.custom_ids == custom_ids(message)


def count_posted_parts(history: Sequence[PostedMessage], first_id: str, parts: Sequence[OutgoingMessage]) -> int:
    """Count how many of the parts, in order, were already posted as replies to the first message."""
    replies: Iterator[PostedMessage] = iter([message for message in history if message.replies_to == first_id])
    count = 0
    for part in parts:
        if not any(message.shows(part) for message in replies):
            break
        count += 1
    return count
