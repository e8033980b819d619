"""Quarantine: content that killed its worker repeatedly and is not tried again until it is released."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Quarantine
from db.sql import named
from pipeline.errors import Quarantined


def find(session: Session, workspace_id: int, hashes: Collection[str]) -> dict[str, Quarantined]:
    """Return the error of content that killed its worker repeatedly, by its SHA-256 in hex."""
    query = select(Quarantine).where(Quarantine.workspace_id == workspace_id)
    query = query.where(Quarantine.sha256.in_([bytes.fromhex(sha256) for sha256 in hashes]))
    return {row.sha256.hex(): _build_error(row) for row in session.scalars(query)}


def _build_error(row: Quarantine) -> Quarantined:
    return Quarantined(
        f"This content is quarantined because it stopped its worker repeatedly (job {row.job_id}: {row.error})."
        f" Release it with `refdesk jobs retry {row.job_id}`."
    )


def add(session: Session, job_id: int) -> None:
    """Quarantine the content of a job."""
    session.execute(named("quarantine_content"), {"id": job_id})


def release(session: Session, job_id: int) -> None:
    """Release the content of a job from quarantine."""
    session.execute(named("release_quarantined_content"), {"id": job_id})
