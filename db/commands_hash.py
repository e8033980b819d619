"""Which commands each Discord application has registered, so that they are sent again only when they changed."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.models import CommandsHash


def read(session: Session, application_id: str) -> str:
    """Give the hash of what is registered (a system transaction); empty when nothing is known."""
    known = select(CommandsHash.hash).where(CommandsHash.application_id == application_id)
    return session.scalars(known).one_or_none() or ""


def store(session: Session, application_id: str, hash: str) -> None:  # noqa: A002 - that is what it is
    """Remember what was registered just now (a system transaction)."""
    statement = insert(CommandsHash).values(application_id=application_id, hash=hash)
    session.execute(
        statement.on_conflict_do_update(index_elements=["application_id"], set_={"hash": hash, "synced_at": func.now()})
    )
