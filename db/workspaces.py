"""Workspaces, the tenants of the database."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.models import Workspace
from pipeline.errors import UnknownName


def find_workspace(session: Session, key: str) -> int:
    """Return the ID of a workspace, or raise `UnknownName` with the known keys (a system transaction)."""
    workspace_id = session.scalars(select(Workspace.id).where(Workspace.key == key)).one_or_none()
    if workspace_id is None:
        keys = ", ".join(session.scalars(select(Workspace.key).order_by(Workspace.id).limit(20))) or "none yet"
        raise UnknownName(f"There is no workspace {key!r}. Known workspaces: {keys}.")
    return workspace_id


def ensure_workspace(session: Session, key: str, name: str = "") -> int:
    """Return the ID of a workspace, which is inserted on first use (a system transaction)."""
    workspace_id = session.scalars(select(Workspace.id).where(Workspace.key == key)).one_or_none()
    if workspace_id is None:
        session.execute(insert(Workspace).values(key=key, name=name).on_conflict_do_nothing())
        workspace_id = session.scalars(select(Workspace.id).where(Workspace.key == key)).one()
    return workspace_id
