"""Weekly digests: where a workspace gets one, and the claim of the bot process that posts it."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from db.digest_models import DigestRow
from db.sql import named
from pipeline.text.cleaning import remove_unstorable


@dataclass(frozen=True, slots=True)
class DigestSetting:
    """Where the digest of a workspace is posted."""

    channel_id: str
    error: str | None
    """Why the last digest could not be posted."""


@dataclass(frozen=True, slots=True)
class DueDigest:
    """A claimed digest."""

    workspace_id: int
    workspace: str
    """Key of the workspace."""
    channel_id: str
    user_id: str
    locale: str
    due_at: dt.datetime
    claim_token: uuid.UUID = field(repr=False)
    error: str | None
    """Why the digest before could not be posted."""
    claimed_before: bool
    """Whether an earlier process claimed this digest, and may have posted it before it ended."""


def read(session: Session, workspace_id: int) -> DigestSetting | None:
    """Return the digest of a workspace, or None if it is off (a tenant transaction)."""
    row = session.execute(
        select(DigestRow.channel_id, DigestRow.error).where(DigestRow.workspace_id == workspace_id)
    ).one_or_none()
    return None if row is None else DigestSetting(row.channel_id, row.error)


def turn_on(
    session: Session, workspace_id: int, *, application_id: str, channel_id: str, user_id: str, locale: str
) -> None:
    """Post a digest in this channel every week, the first in a week (a tenant transaction)."""
    values = {"application_id": application_id, "channel_id": channel_id, "user_id": user_id, "locale": locale}
    session.execute(named("set_digest"), values | {"workspace_id": workspace_id})


def turn_off(session: Session, workspace_id: int) -> None:
    """Post no more digests (a tenant transaction)."""
    session.execute(delete(DigestRow).where(DigestRow.workspace_id == workspace_id))


def claim(session: Session, application_id: str, workspaces: Sequence[str]) -> DueDigest | None:
    """Claim a digest that is due in one of these workspaces (a system transaction)."""
    values = {"application_id": application_id, "workspaces": list(workspaces)}
    row = session.execute(named("claim_digest"), values).mappings().one_or_none()
    return None if row is None else DueDigest(**row)


def finish(session: Session, digest: DueDigest, error: str | None = None) -> None:
    """Set the time of the next digest; without effect if another process took over (a system transaction)."""
    values = {"workspace_id": digest.workspace_id, "claim_token": digest.claim_token}
    session.execute(named("finish_digest"), values | {"error": None if error is None else remove_unstorable(error)})
