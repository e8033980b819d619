"""Hashes of the commands that each Discord application has registered; they are sent again only after a change."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.models import CommandsHash


def read(session: Session, application_id: str) -> str:
    """Return the hash of the registered commands, or an empty string (a system transaction)."""
    known = select(CommandsHash.hash).where(CommandsHash.application_id == application_id)
    return session.scalars(known).one_or_none() or ""


def store(session: Session, application_id: str, hash: str) -> None:  # noqa: A002 - the column's name
    """Store the hash of the registered commands (a system transaction)."""
    statement = insert(CommandsHash).values(application_id=application_id, hash=hash)
    session.execute(
        statement.on_conflict_do_update(index_elements=["application_id"], set_={"hash": hash, "synced_at": func.now()})
    )
