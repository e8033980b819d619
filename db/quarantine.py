"""Quarantine: content that killed its worker repeatedly and is not tried again until it is released."""

from __future__ import annotations

from sqlalchemy.orm import Session

from db.models import Quarantine
from db.sql import named
from pipeline.errors import Quarantined


def require_not_quarantined(session: Session, workspace_id: int, sha256: str) -> None:
    """Raise `Quarantined` if this content killed its worker repeatedly."""
    row = session.get(Quarantine, (workspace_id, bytes.fromhex(sha256)), populate_existing=True)
    if row is not None:
        raise Quarantined(
            f"This content is quarantined because it stopped its worker repeatedly (job {row.job_id}: {row.error})."
            f" Release it with `refdesk jobs retry {row.job_id}`."
        )


def add(session: Session, job_id: int) -> None:
    """Quarantine the content of a job."""
    session.execute(named("quarantine_content"), {"id": job_id})


def release(session: Session, job_id: int) -> None:
    """Release the content of a job from quarantine."""
    session.execute(named("release_quarantined_content"), {"id": job_id})
