"""Tenants: the rows that everything else hangs on."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.models import Workspace
from pipeline.errors import UnknownName


def find_workspace(session: Session, key: str) -> int:
    """Give the number of a workspace, or raise `UnknownName` with those that there are (a system transaction)."""
    found = session.scalars(select(Workspace.id).where(Workspace.key == key)).one_or_none()
    if found is None:
        keys = ", ".join(session.scalars(select(Workspace.key).order_by(Workspace.id).limit(20))) or "none yet"
        raise UnknownName(f"There is no workspace {key!r}; there are: {keys}.")
    return found


def ensure_workspace(session: Session, key: str, name: str = "") -> int:
    """Give the number of a workspace, adding it on first use (a system transaction)."""
    found = session.scalars(select(Workspace.id).where(Workspace.key == key)).one_or_none()
    if found is None:
        session.execute(insert(Workspace).values(key=key, name=name).on_conflict_do_nothing())
        found = session.scalars(select(Workspace.id).where(Workspace.key == key)).one()
    return found
