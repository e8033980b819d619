"""Tenants and embedding profiles: the few rows everything hangs on."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.models import ProfileRow, Workspace
from pipeline.errors import SetupError
from pipeline.types import EmbeddingProfile


def ensure_workspace(session: Session, key: str, name: str = "") -> int:
    """Give the number of a workspace, adding it on first use (a system transaction)."""
    found = session.scalars(select(Workspace.id).where(Workspace.key == key)).one_or_none()
    if found is None:
        session.execute(insert(Workspace).values(key=key, name=name).on_conflict_do_nothing())
        found = session.scalars(select(Workspace.id).where(Workspace.key == key)).one()
    return found


def live_profile(session: Session) -> EmbeddingProfile | None:
    """Give the profile that answers questions; None before the first worker has started."""
    row = session.scalars(select(ProfileRow).where(ProfileRow.state == "live")).one_or_none()
    return None if row is None else profile_of(row)


def add_first_profile(session: Session, described: EmbeddingProfile) -> EmbeddingProfile:
    """Make the described model the live profile of an empty store (a system transaction); a live one stays."""
    session.execute(
        insert(ProfileRow)
        .values(
            name=described.name,
            model=described.model,
            dimensions=described.dimensions,
            max_tokens=described.max_tokens,
            query_prefix=described.query_prefix,
            passage_prefix=described.passage_prefix,
            normalize=described.normalize,
            state="live",
        )
        .on_conflict_do_nothing()
    )
    live = live_profile(session)
    if live is None:
        raise SetupError("The store has embedding profiles but none is live.")
    return live


def profile_of(row: ProfileRow) -> EmbeddingProfile:
    """Turn a profile's row into the pipeline's value."""
    return EmbeddingProfile(
        row.id,
        row.name,
        row.model,
        row.dimensions,
        row.max_tokens,
        row.query_prefix,
        row.passage_prefix,
        row.normalize,
    )
