"""What the Discord bot looks up for people: jobs as they see them, last answers, whose a document is, settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

from sqlalchemy import RowMapping
from sqlalchemy.orm import Session

from db.deliveries import JobView
from db.jobs import Kind
from db.plain import storable
from db.sql import named
from db.workspace_settings import WorkspaceSettings
from pipeline.errors import UnknownName


@dataclass(frozen=True, slots=True)
class JobWithOwner:
    """A job as people see it, with whose it is and which message shows it."""

    job: JobView
    requester: str
    delivery_id: int | None
    private: bool = False
    """A question that was asked in private."""

    def told_to(self, user_id: str, instead: str) -> JobView:
        """Give the job for this person's eyes: what somebody else asked in private is not said."""
        return replace(self.job, about=instead) if self.private and self.requester != user_id else self.job


def list_jobs(
    session: Session,
    *,
    requester: str | None = None,
    kind: Kind | None = None,
    states: Sequence[str] = (),
    search: str = "",
    limit: int = 20,
    offset: int = 0,
) -> list[JobWithOwner]:
    """List jobs newest first (a tenant transaction); without a requester everybody's."""
    values = {
        "requester": requester,
        "kind": kind,
        "states": list(states) or None,
        "search": storable(search),
        "limit": limit,
        "offset": offset,
    }
    return [_owned(row) for row in session.execute(named("jobs_listed"), values).mappings()]


def find_job(session: Session, job_id: int) -> JobWithOwner:
    """Give one job (a tenant transaction) or raise `UnknownName`."""
    row = session.execute(named("job_listed"), {"id": job_id}).mappings().one_or_none()
    if row is None:
        raise UnknownName(f"There is no job {job_id} here.")
    return _owned(row)


def last_answer(session: Session, user_id: str, channel_id: str) -> int | None:
    """Give the job of the last answer that a person got in a channel (a tenant transaction)."""
    number = session.scalar(named("last_answer"), {"user_id": user_id, "channel_id": channel_id})
    return None if number is None else int(number)


def owner_of_source(session: Session, workspace_id: int, source: str) -> str | None:
    """Say who added a document, or is adding it just now (a tenant transaction); None when there is none."""
    owner = session.scalar(named("owner_of_source"), {"workspace_id": workspace_id, "source": source})
    return None if owner is None else str(owner)


def rescope(session: Session, job_id: int, channels: Sequence[str]) -> None:
    """Let a question that is asked again read these channels and no others (a tenant transaction)."""
    session.execute(named("rescope_job"), {"id": job_id, "channels": list(channels)})


def document_beginning(session: Session, document_id: int) -> str:
    """Give what a document begins with (a tenant transaction); empty when it is gone."""
    return str(session.scalar(named("document_beginning"), {"id": document_id}) or "")


def all_settings(session: Session) -> Mapping[str, WorkspaceSettings]:
    """Give the settings of every workspace that has any, by its key (a system transaction)."""
    names = [item.name for item in fields(WorkspaceSettings)]
    found: dict[str, WorkspaceSettings] = {}
    for row in session.execute(named("all_settings")).mappings():
        values = {name: row[name] for name in names}
        if values["public_channels"] is not None:
            values["public_channels"] = tuple(values["public_channels"])
        found[row["key"]] = WorkspaceSettings(**values)
    return found


def _owned(row: RowMapping) -> JobWithOwner:
    payload = row["payload"]
    about = str(payload.get("question") or payload.get("name") or "")
    values = {item.name: row[item.name] for item in fields(JobView) if item.name != "about"}
    return JobWithOwner(JobView(about=about, **values), str(row["requester"]), row["delivery_id"], row["private"])
