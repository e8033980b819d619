"""Tenants: the rows that everything else hangs on."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.models import Workspace


def ensure_workspace(session: Session, key: str, name: str = "") -> int:
    """Give the number of a workspace, adding it on first use (a system transaction)."""
    found = session.scalars(select(Workspace.id).where(Workspace.key == key)).one_or_none()
    if found is None:
        session.execute(insert(Workspace).values(key=key, name=name).on_conflict_do_nothing())
        found = session.scalars(select(Workspace.id).where(Workspace.key == key)).one()
    return found
