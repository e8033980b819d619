"""Deliveries: the outbox of the Discord bot. One bot process at a time claims a delivery and edits its message.

Every write of that process checks the fencing token of its claim, raises `LeaseLost` if another process has taken over,
and returns the delivery as stored afterwards.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from db import job_views
from db.job_views import JobView
from db.models import DeliveryRow, Job, SettingsRow
from db.sql import named
from pipeline.errors import LeaseLost
from pipeline.text.cleaning import remove_unstorable

Kind = Literal["answer", "ingest"]
Route = Literal["channel", "token"]


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A delivery to insert, for jobs that are about to be submitted."""

    workspace_id: int
    kind: Kind
    request_key: str
    application_id: str
    channel_id: str
    user_id: str
    guild_id: str | None = None
    message_id: str | None = None
    reply_to_id: str | None = None
    locale: str = "en-US"
    private: bool = False
    route: Route = "channel"
    token: str | None = field(default=None, repr=False)
    """Interaction token, a secret."""
    token_ttl_s: float = 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """A row of the outbox."""

    id: int
    workspace_id: int
    request_key: str
    kind: Kind
    application_id: str
    guild_id: str | None
    channel_id: str
    message_id: str | None
    reply_to_id: str | None
    user_id: str
    locale: str
    private: bool
    route: Route
    token: str | None = field(repr=False)
    token_expires: dt.datetime | None
    state: Literal["open", "delivered", "undeliverable"]
    generation: int
    parts_sent: int
    claim_owner: str | None
    claim_token: uuid.UUID | None = field(repr=False)
    claim_expires: dt.datetime | None
    attempts: int
    """Failed tries since the last successful send; taking over an expired claim counts as one."""
    due_at: dt.datetime
    error: str | None
    created_at: dt.datetime
    delivered_at: dt.datetime | None

    @property
    def is_direct(self) -> bool:
        """Whether it is in the user's direct messages; other private messages need an interaction token."""
        return self.private and self.route == "channel"


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """A delivery with its jobs in the order of submission."""

    delivery: Delivery
    jobs: tuple[JobView, ...]
    helpers: bool = False
    """Whether the server has helpers, whom members can ask if a question has no answer."""

    @property
    def ended(self) -> bool:
        """True if all jobs are in a final state."""
        return all(job.ended for job in self.jobs)


@dataclass(frozen=True, slots=True)
class ConversationTurn:
    """A question of a conversation with its answer."""

    question: str
    answer: str
    job: int


def add(session: Session, new: NewDelivery) -> int:
    """Insert a delivery and return its ID; a known request key returns the existing one (a tenant transaction)."""
    values = {name: getattr(new, name) for name in new.__slots__}
    values["token_ttl_s"] = new.token_ttl_s if new.token is not None else None
    number = session.scalar(named("insert_delivery"), values)
    if number is None:
        known = (DeliveryRow.workspace_id == new.workspace_id, DeliveryRow.request_key == new.request_key)
        number = session.scalars(select(DeliveryRow.id).where(*known)).one()
    return int(number)


def list_job_ids(session: Session, delivery_id: int) -> list[int]:
    """Return the IDs of the jobs of a delivery in the order of submission."""
    return list(session.scalars(select(Job.id).where(Job.delivery_id == delivery_id).order_by(Job.id)))


def claim(session: Session, application_id: str, owner: str, *, lease_s: float, limit: int = 100) -> list[Delivery]:
    """Claim open and due deliveries that no process has claimed (a system transaction)."""
    values = {"application_id": application_id, "owner": owner, "lease_s": lease_s, "limit": limit}
    return [_to_delivery(row) for row in session.execute(named("claim_deliveries"), values)]


def claim_one(session: Session, delivery_id: int, owner: str, lease_s: float) -> Delivery | None:
    """Claim one delivery if it is open, due and not claimed by another process (a system transaction)."""
    values = {"id": delivery_id, "owner": owner, "lease_s": lease_s}
    row = session.execute(named("claim_delivery"), values).one_or_none()
    return None if row is None else _to_delivery(row)


def renew(session: Session, owner: str, lease_s: float) -> set[int]:
    """Renew all claims of a bot process and return the IDs that it still owns (a system transaction)."""
    return set(session.scalars(named("renew_deliveries"), {"owner": owner, "lease_s": lease_s}))


def release(session: Session, owner: str) -> None:
    """Release all claims of a bot process (a system transaction)."""
    session.execute(named("release_deliveries"), {"owner": owner})


def load_views(session: Session, delivery_ids: Sequence[int]) -> dict[int, DeliveryView]:
    """Return deliveries with their jobs by ID; deleted deliveries are omitted."""
    if not delivery_ids:
        return {}
    deliveries = [
        _to_delivery(row)
        for row in session.scalars(_fresh(select(DeliveryRow).where(DeliveryRow.id.in_(delivery_ids))))
    ]
    jobs_by_delivery: dict[int, list[JobView]] = {delivery.id: [] for delivery in deliveries}
    for delivery_id, job in job_views.list_for_deliveries(session, delivery_ids):
        if delivery_id in jobs_by_delivery:
            jobs_by_delivery[delivery_id].append(job)
    helped = _with_helpers(session, deliveries, jobs_by_delivery)
    return {
        delivery.id: DeliveryView(delivery, tuple(jobs_by_delivery[delivery.id]), delivery.workspace_id in helped)
        for delivery in deliveries
    }


def _with_helpers(session: Session, found: Sequence[Delivery], jobs: Mapping[int, Sequence[JobView]]) -> set[int]:
    """Return the workspaces that have helpers, of the deliveries with an abstention; others do not show them."""
    workspaces = {
        delivery.workspace_id
        for delivery in found
        if any(job.result is not None and job.result.get("abstained") for job in jobs[delivery.id])
    }
    if not workspaces:
        return set()
    query = select(SettingsRow.workspace_id).where(
        SettingsRow.workspace_id.in_(workspaces), SettingsRow.helper_role.is_not(None)
    )
    return set(session.scalars(query))


def find_by_job(session: Session, job_id: int) -> Delivery | None:
    """Return the delivery that shows a job, or None for a job of the command line."""
    row = session.scalars(_fresh(_of_job(job_id))).one_or_none()
    return None if row is None else _to_delivery(row)


def find_direct_answer(session: Session, user_id: str, channel_id: str, message_id: str) -> Delivery | None:
    """Return the delivery of a private answer in a user's direct messages, or None (a system transaction)."""
    query = select(DeliveryRow).where(
        DeliveryRow.kind == "answer",
        DeliveryRow.private,
        DeliveryRow.route == "channel",
        DeliveryRow.message_id == message_id,
        DeliveryRow.user_id == user_id,
        DeliveryRow.channel_id == channel_id,
    )
    row = session.scalars(_fresh(query)).one_or_none()
    return None if row is None else _to_delivery(row)


def find_foreign_messages(session: Session, delivery: Delivery, message_ids: Sequence[str]) -> set[str]:
    """Return those of these messages that belong to another delivery (a system transaction)."""
    messages = select(DeliveryRow.message_id).where(
        DeliveryRow.message_id.in_(message_ids), DeliveryRow.id != delivery.id
    )
    return {message for message in session.scalars(messages) if message is not None}


def mark_posted(session: Session, delivery: Delivery, message_id: str, channel_id: str | None = None) -> Delivery:
    """Record the message of the delivery."""
    return _write_fenced(session, "mark_delivery_posted", delivery, message_id=message_id, channel_id=channel_id)


def mark_parts_sent(session: Session, delivery: Delivery, parts: int) -> Delivery:
    """Record how many further messages were sent."""
    return _write_fenced(session, "mark_delivery_parts_sent", delivery, parts=parts)


def reroute(session: Session, delivery: Delivery, *, route: Route, channel_id: str, message_id: str | None) -> Delivery:
    """Change the route and the channel; without a message, it has to be posted there first."""
    return _write_fenced(
        session, "reroute_delivery", delivery, route=route, channel_id=channel_id, message_id=message_id
    )


def clear_token(session: Session, delivery: Delivery) -> Delivery:
    """Clear the interaction token when it is no longer needed."""
    return _write_fenced(session, "clear_delivery_token", delivery)


def finish(session: Session, delivery: Delivery) -> Delivery:
    """Mark a delivery and its jobs as delivered; raise `LeaseLost` if a job runs again after a crash of PostgreSQL."""
    finished = _write_fenced(session, "finish_delivery", delivery)
    session.execute(named("mark_jobs_delivered"), {"id": delivery.id})
    return finished


def mark_undeliverable(session: Session, delivery: Delivery, error: str) -> Delivery:
    """Give up a delivery because its user cannot be reached; the results remain with the jobs."""
    return _write_fenced(session, "mark_delivery_undeliverable", delivery, error=remove_unstorable(error)[:2000])


def postpone(session: Session, delivery: Delivery, delay_s: float, error: str) -> Delivery:
    """Release the claim after a failed try, until the delay has passed."""
    return _write_fenced(session, "postpone_delivery", delivery, delay_s=delay_s, error=remove_unstorable(error)[:2000])


def reopen(
    session: Session, job_id: int, *, user_id: str = "", token: str | None = None, token_ttl_s: float = 0
) -> None:
    """Reopen the delivery of a job that is retried, and revoke its claim (a tenant transaction).

    Args:
        session: A session of the tenant.
        job_id: The job that is retried.
        user_id: The owner of `token`.
        token: A newer interaction token; ignored if the delivery belongs to another user.
        token_ttl_s: Remaining validity of the token in seconds.
    """
    values = {"job_id": job_id, "user_id": user_id, "token": token, "token_ttl_s": token_ttl_s}
    session.execute(named("reopen_delivery"), values)


def clear_expired_tokens(session: Session) -> None:
    """Clear interaction tokens that Discord no longer accepts (a system transaction)."""
    session.execute(named("clear_expired_tokens"))


def mark_orphans_undeliverable(session: Session) -> None:
    """Close the deliveries whose jobs were deleted (a system transaction)."""
    session.execute(named("mark_orphan_deliveries"))


def has_public_answer(session: Session, ids: Sequence[str]) -> bool:
    """Return whether one of these channels or messages contains a public answer (a tenant transaction)."""
    return bool(session.scalar(named("has_public_answer"), {"ids": list(ids)}))


def load_conversation(session: Session, ids: Sequence[str], limit: int = 3) -> list[ConversationTurn]:
    """Return the last answered public questions in these channels or messages, oldest first (a tenant transaction)."""
    rows = session.execute(named("list_conversation"), {"ids": list(ids), "limit": limit}).all()
    return [ConversationTurn(row.question or "", row.answer or "", row.id) for row in reversed(rows)]


def _write_fenced(session: Session, name: str, delivery: Delivery, **values: Any) -> Delivery:
    fence = {"id": delivery.id, "claim_token": delivery.claim_token}
    row = session.execute(named(name), fence | values).one_or_none()
    if row is None:
        raise LeaseLost
    return _to_delivery(row)


def _of_job(job_id: int) -> Select[DeliveryRow]:
    return select(DeliveryRow).join(Job, Job.delivery_id == DeliveryRow.id).where(Job.id == job_id)


def _fresh(query: Select[DeliveryRow]) -> Select[DeliveryRow]:
    """Reload rows that this session has already read, because named SQL may have changed them."""
    return query.execution_options(populate_existing=True)


def _to_delivery(row: Any) -> Delivery:
    return Delivery(**{item.name: getattr(row, item.name) for item in fields(Delivery)})
