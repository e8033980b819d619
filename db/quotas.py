"""Quotas: requests per time of a user and of a workspace, counted in the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy.orm import Session

from db.jobs import Kind
from db.sql import named
from pipeline.amounts import format_duration
from pipeline.errors import QuotaExceeded

_NAMES = {"ask": ("question", "questions"), "ingest": ("document", "documents")}


@dataclass(frozen=True, slots=True)
class Quota:
    """Maximum requests in a window; None or 0: no limit."""

    kind: Kind
    per_user: int | None = None
    per_user_window_s: float = 3600
    per_workspace: int | None = None
    workspace_window_s: float = 86_400


def lock(session: Session, workspace_id: int, kind: Kind) -> None:
    """Serialize the requests of one kind in this workspace until the transaction ends."""
    session.execute(named("lock_quota"), {"workspace_id": workspace_id, "kind": kind})


def admit(session: Session, workspace_id: int, requester: str, quota: Quota, count: int) -> None:
    """Raise `QuotaExceeded` unless `count` more jobs fit; the same tenant transaction then submits them."""
    lock(session, workspace_id, quota.kind)
    if quota.per_user:
        _admit(session, workspace_id, requester, quota.kind, quota.per_user, quota.per_user_window_s, count)
    if quota.per_workspace:
        _admit(session, workspace_id, None, quota.kind, quota.per_workspace, quota.workspace_window_s, count)


def admit_retry(session: Session, workspace_id: int, requester: str, quota: Quota, job_ids: Sequence[int]) -> None:
    """Raise `QuotaExceeded` unless the jobs may be retried; the same tenant transaction then retries them.

    Every round counts, because otherwise cancelling and retrying would bypass the quota.
    """
    admit(session, workspace_id, requester, quota, len(job_ids))
    session.execute(named("record_quota_round"), {"job_ids": list(job_ids)})


def _admit(
    session: Session, workspace_id: int, requester: str | None, kind: Kind, limit: int, window_s: float, count: int
) -> None:
    values = {"workspace_id": workspace_id, "kind": kind, "requester": requester, "window_s": window_s}
    used = int(session.scalar(named("count_quota_usage"), values) or 0)
    needed = used + count - limit
    if needed <= 0:
        return
    # More jobs than the limit never fit; the length of the window is returned then.
    frees = (
        session.scalar(named("seconds_until_quota_frees"), values | {"needed": needed}) if needed <= used else window_s
    )
    frees_in_s = max(1.0, float(window_s if frees is None else frees))
    scope: Literal["user", "server"] = "server" if requester is None else "user"
    raise QuotaExceeded(
        _format_quota(kind, limit, window_s, scope, frees_in_s),
        limit=limit,
        window_s=window_s,
        scope=scope,
        frees_in_s=frees_in_s,
        kind=kind,
    )


def _format_quota(kind: Kind, limit: int, window_s: float, scope: Literal["user", "server"], frees_in_s: float) -> str:
    requester = "One user" if scope == "user" else "This server"
    verb = "ask" if kind == "ask" else "add"
    items = _NAMES[kind][limit != 1]
    window, frees = format_duration(window_s), format_duration(frees_in_s)
    return f"{requester} may {verb} {limit} {items} in {window}. Try again in {frees}."
