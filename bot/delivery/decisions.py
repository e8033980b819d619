"""What to do next with a delivery: pure decisions, values in and values out."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from bot.render.message import Button, OutgoingFile, OutgoingMessage
from db.deliveries import Delivery, DeliveryView

MIN_GAP_S = 1.0
"""Between two edits of one message."""
OLD = dt.timedelta(minutes=55)
OLD_GAP_S = 300.0
TOKEN_MARGIN = dt.timedelta(seconds=90)
"""So long before its token ends, a waiting message says where the answer will come."""
LATE = dt.timedelta(minutes=2)
"""Who waited longer gets a new message, since an edit notifies nobody."""
MAX_PAUSE_S = 300.0
MAX_NONCE = 25
MAX_TRIES = 300
"""About a day of tries at the longest pause."""
MAX_FAULTS = 5
"""Tries after an error of our own."""


class DeliveryStep(Enum):
    """What a delivery needs now."""

    WAIT = auto()
    PROGRESS = auto()
    EXPIRING = auto()
    FINAL = auto()


class SendFailure(Enum):
    """Why Discord refused, as far as it matters for what to do next."""

    GONE = auto()
    """The message is gone or cannot be edited any more; a new one can be posted."""
    CLOSED = auto()
    """The channel is gone, or the bot has no access to it."""
    VOID = auto()
    """The interaction token has ended."""
    NO_DM = auto()
    """The person takes no direct messages."""
    INVALID = auto()
    """Discord does not take this message, whoever sends it and wherever."""
    LATER = auto()
    """Nothing known; the same may work later."""


class DeliveryRoute(Enum):
    """Where a delivery goes after a refusal."""

    SAME_CHANNEL = auto()
    DIRECT_MESSAGE = auto()
    NOWHERE = auto()


_TROUBLE_OF_CODE = {
    10008: SendFailure.GONE,  # unknown message
    30046: SendFailure.GONE,  # too many edits of a message older than an hour
    50005: SendFailure.GONE,  # the message is somebody else's
    50083: SendFailure.GONE,  # the thread is archived; a new message opens it again
    10003: SendFailure.CLOSED,  # unknown channel
    10004: SendFailure.CLOSED,  # unknown server
    50001: SendFailure.CLOSED,  # no access
    50008: SendFailure.CLOSED,  # a channel that takes no text
    50013: SendFailure.CLOSED,  # a permission is missing
    160005: SendFailure.CLOSED,  # the thread is locked
    10015: SendFailure.VOID,  # unknown webhook
    10062: SendFailure.VOID,  # unknown interaction
    50027: SendFailure.VOID,  # invalid webhook token
    10013: SendFailure.NO_DM,  # unknown user
    50007: SendFailure.NO_DM,  # direct messages are closed
    50033: SendFailure.NO_DM,  # invalid recipient
    50278: SendFailure.NO_DM,  # no server in common
}


def classify_failure(status: int, code: int, *, by_token: bool) -> SendFailure:
    """Classify a refusal by HTTP status and Discord's code.

    A 403 without a code comes from whatever stands before Discord, and so says nothing about the channel.
    """
    known = _TROUBLE_OF_CODE.get(code)
    if known is not None:
        return known
    if by_token and status in {401, 404}:
        return SendFailure.VOID
    return SendFailure.INVALID if status in {400, 413} else SendFailure.LATER


def next_step(view: DeliveryView, now: dt.datetime, *, blind: bool) -> DeliveryStep:
    """Decide what a delivery needs; `blind` says that its message cannot be edited, so that only the end counts."""
    delivery = view.delivery
    if view.ended:
        return DeliveryStep.FINAL
    if blind:
        return DeliveryStep.WAIT
    if delivery.route == "channel":
        return DeliveryStep.PROGRESS
    left = token_left(delivery, now)
    if left <= dt.timedelta(0):
        return DeliveryStep.WAIT
    return DeliveryStep.EXPIRING if left <= TOKEN_MARGIN else DeliveryStep.PROGRESS


def token_left(delivery: Delivery, now: dt.datetime) -> dt.timedelta:
    """How long the interaction token can still be used."""
    if delivery.token is None or delivery.token_expires is None:
        return dt.timedelta(0)
    return delivery.token_expires - now


def next_route(delivery: Delivery, trouble: SendFailure, tried: frozenset[DeliveryRoute]) -> DeliveryRoute:
    """Choose where the end goes after a refusal; each place is tried once.

    What is private goes to nobody but the person: by token, then as a direct message. A private delivery on the channel
    route already lives in the direct messages.
    """
    if trouble is SendFailure.NO_DM:
        return DeliveryRoute.NOWHERE
    if delivery.route == "channel" and trouble is SendFailure.GONE and DeliveryRoute.SAME_CHANNEL not in tried:
        return DeliveryRoute.SAME_CHANNEL
    return DeliveryRoute.NOWHERE if DeliveryRoute.DIRECT_MESSAGE in tried else DeliveryRoute.DIRECT_MESSAGE


def progress_gap_s(delivery: Delivery, now: dt.datetime) -> float:
    """How far apart edits are while jobs run: Discord allows few of a message that is older than an hour."""
    return MIN_GAP_S if now - delivery.created_at < OLD else OLD_GAP_S


def nonce(delivery: Delivery, part: int, *, again: bool = False) -> str:
    """Name a message that is posted, so that Discord posts it once: 0 is the first one, then come its further parts.

    The channel belongs to the name, for the same may have to go elsewhere; `again` makes another name for what takes
    the place of a message that was deleted, as Discord remembers that one.
    """
    name = f"rd{delivery.id}-{delivery.generation}-{part}-{int(delivery.channel_id) % 1000}{'r' if again else ''}"
    return name if len(name) <= MAX_NONCE else hashlib.sha256(name.encode()).hexdigest()[:MAX_NONCE]


def pause_s(attempts: int) -> float:
    """How long to wait after so many failed tries."""
    return float(min(MAX_PAUSE_S, 2.0 ** (min(attempts, 10) + 1)))


def is_late(view: DeliveryView) -> bool:
    """Whether the person waited so long that an edit would go unseen."""
    delivery = view.delivery
    began = delivery.created_at if delivery.generation == 1 else delivery.due_at
    ends = [job.finished_at for job in view.jobs if job.finished_at is not None]
    return bool(ends) and max(ends) - began > LATE


def merge_into_one(shown: Sequence[OutgoingMessage]) -> OutgoingMessage:
    """Fold an answer into one message with the whole text as a file, for where only edits are safe to repeat."""
    first = shown[0]
    if len(shown) == 1:
        return first
    whole = "\n\n".join(part.content for part in shown if part.content)
    return OutgoingMessage(
        first.content,
        tuple(embed for part in shown for embed in part.embeds)[:10],
        tuple(row for part in shown for row in part.buttons)[:5],
        (*(file for part in shown for file in part.files), OutgoingFile("answer.md", whole.encode())),
    )


def custom_ids(shown: OutgoingMessage) -> frozenset[str]:
    """Give what its buttons say when they are pressed."""
    return frozenset(button.custom_id for row in shown.buttons for button in row if isinstance(button, Button))


@dataclass(frozen=True, slots=True)
class PostedMessage:
    """A message of the bot's own that the channel's history holds."""

    id: str
    content: str
    embeds: int
    created_at: dt.datetime
    replies_to: str | None
    custom_ids: frozenset[str] = frozenset()

    def shows(self, shown: OutgoingMessage) -> bool:
        """Whether this is that message; Discord strips the ends of a text, and buttons name their job."""
        same = self.content.strip() == shown.content.strip() and self.embeds == len(shown.embeds)
        return same and self.custom_ids == custom_ids(shown)


def count_posted_parts(history: Sequence[PostedMessage], first_id: str, outstanding: Sequence[OutgoingMessage]) -> int:
    """Count how many of the outstanding parts, in order, were posted as replies to the first message."""
    replies: Iterator[PostedMessage] = iter([message for message in history if message.replies_to == first_id])
    count = 0
    for shown in outstanding:
        if not any(message.shows(shown) for message in replies):
            break
        count += 1
    return count
