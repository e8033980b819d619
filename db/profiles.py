"""Embedding profiles: described, built beside the live one, switched in one statement, rolled back, dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote
from typing import Any, cast

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.models import EmbeddingTask, ProfileRow
from db.sql import named
from pipeline.errors import InvalidInput, ProfileNotReady, SetupError, UnknownName
from pipeline.types import EmbeddingBackend, EmbeddingProfile, Pooling

MAX_DIMENSIONS = 4000
"""What a half-precision HNSW index of pgvector takes."""
DROP_BATCH = 10_000
"""Vectors deleted in one transaction."""


@dataclass(frozen=True, slots=True)
class ProfileStatus:
    """A profile and how far it is."""

    profile: EmbeddingProfile
    state: str
    vectors: int
    waiting: int
    """Chunks of any version that wait for a vector."""
    stuck: int
    """Those of them that were tried as often as allowed."""
    problem: str
    """Why a worker could not embed for it last; empty when it could."""


def lock_shared(session: Session) -> None:
    """Keep the live profile what it is until this transaction ends; take it before any lock on rows."""
    session.execute(named("lock_profiles_shared"))


def find_live(session: Session) -> EmbeddingProfile | None:
    """Give the profile that answers questions; None before the first worker has started."""
    row = session.scalars(select(ProfileRow).where(ProfileRow.state == "live")).one_or_none()
    return None if row is None else to_profile(row)


def list_filled(session: Session) -> list[EmbeddingProfile]:
    """Give the profiles that are kept filled: the live one first, then those being built, then retired ones."""
    return [to_profile(row) for row in session.execute(named("list_filled_profiles"))]


def list_models(session: Session) -> set[str]:
    """Give the models of all profiles that there are or were."""
    return set(session.scalars(select(ProfileRow.model)))


def list_statuses(session: Session, *, max_attempts: int) -> list[ProfileStatus]:
    """List all profiles, the live one first; chunks tried `max_attempts` times count as stuck."""
    rows = session.execute(named("list_profiles"), {"max_attempts": max_attempts})
    return [ProfileStatus(to_profile(row), row.state, row.vectors, row.waiting, row.stuck, row.problem) for row in rows]


def find(session: Session, name: str) -> tuple[EmbeddingProfile, str]:
    """Give a profile with its state, by name; raises `UnknownName` with the names there are."""
    row = session.scalars(select(ProfileRow).where(ProfileRow.name == name)).one_or_none()
    if row is None:
        names = ", ".join(session.scalars(select(ProfileRow.name).order_by(ProfileRow.id))) or "none yet"
        raise UnknownName(f"There is no embedding profile {name!r}; there are: {names}.")
    return to_profile(row), row.state


def add_first(session: Session, described: EmbeddingProfile) -> EmbeddingProfile:
    """Make the described model the live profile of an empty store (a system transaction); a live one stays."""
    session.execute(insert(ProfileRow).values(**_to_values(described), state="live").on_conflict_do_nothing())
    found = find_live(session)
    if found is None:
        raise SetupError("The store has embedding profiles but none is live; switch to one: `refdesk profiles switch`.")
    return found


def add(session: Session, described: EmbeddingProfile) -> EmbeddingProfile:
    """Keep the description of a profile beside the live one (a system transaction).

    A dropped profile of this name comes back if it is described just the same; raises `InvalidInput` for any other that
    has the name, and for more dimensions than an index takes.
    """
    if described.dimensions > MAX_DIMENSIONS:
        raise InvalidInput(
            f"{described.model} gives vectors of {described.dimensions:,} dimensions; {MAX_DIMENSIONS:,} is the most"
            " that an index takes. Choose another model, or ask an endpoint for fewer with --dimensions."
        )
    row = session.execute(named("lock_profile_by_name"), {"name": described.name}).one_or_none()
    if row is None:
        added = insert(ProfileRow).values(**_to_values(described), state="added").returning(ProfileRow)
        return to_profile(session.scalars(added).one())
    same = {name: getattr(row, name) for name in _to_values(described)} == _to_values(described)
    if row.state != "dropped" or not same:
        what = "had another meaning before it was dropped" if row.state == "dropped" else f"exists, it is {row.state}"
        raise InvalidInput(
            f"The profile {described.name!r} {what}; choose another name, what a name means never changes."
        )
    session.execute(named("restore_profile"), {"id": row.id})
    return to_profile(row)


def start_building(session: Session, profile_id: int, *, again: bool = True) -> int:
    """Queue all chunks that lack a vector, and embed new documents for this profile too from now on.

    A retired profile stays retired and is only filled. `again` tries once more what was given up. Gives how many
    chunks were queued.
    """
    session.execute(named("lock_profiles_exclusive"))
    session.execute(named("mark_profile_building"), {"id": profile_id})
    queued = session.execute(named("queue_missing_vectors"), {"id": profile_id, "again": again})
    return int(getattr(queued, "rowcount", 0))


def count_missing(session: Session, profile_id: int) -> int:
    """Count the chunks that answer questions and have no vector of a profile."""
    return int(session.scalar(named("count_missing_vectors"), {"id": profile_id}) or 0)


def measure_bytes(session: Session, profile_id: int) -> int:
    """Say how many bytes the vectors of a profile take."""
    return int(session.scalar(named("measure_profile_bytes"), {"id": profile_id}) or 0)


def switch(session: Session, profile: EmbeddingProfile, *, whole: bool = True) -> None:
    """Make another profile the live one (a system transaction); raises `ProfileNotReady` when it is not `whole`.

    Without `whole`, chunks that lack a vector are found by their words until they have one. Versions under construction
    that have no vectors of it yet go live when they have.
    """
    session.execute(named("lock_profiles_exclusive"))
    if whole and (missing := count_missing(session, profile.id)):
        raise ProfileNotReady(
            f"The profile {profile.name!r} lacks the vectors of {missing:,} chunks that answer questions now, which it"
            f" would lose; run `refdesk profiles build {quote(profile.name)}` first."
        )
    session.execute(named("queue_missing_vectors"), {"id": profile.id, "again": False})
    if session.execute(named("switch_profile"), {"id": profile.id}).one_or_none() is None:
        raise InvalidInput(
            f"The profile {profile.name!r} cannot be switched to; build it first, or it is live already."
        )


def find_rollback(session: Session) -> EmbeddingProfile:
    """Give the profile that a roll-back goes to; raises `UnknownName` when there is none."""
    newest = (ProfileRow.retired_at.desc().nulls_last(), ProfileRow.id.desc())
    last = select(ProfileRow).where(ProfileRow.state == "retired").order_by(*newest).limit(1)
    row = session.scalars(last).one_or_none()
    if row is None:
        raise UnknownName("No profile was live before this one, so there is nothing to roll back to.")
    return to_profile(row)


def drop(session: Session, profile: EmbeddingProfile) -> None:
    """Take a profile out of use; its vectors go by `drop_vectors`.

    Raises `InvalidInput` for the live one, and while questions run that began when it was.
    """
    session.execute(named("lock_profiles_exclusive"))
    if running := int(session.scalar(named("count_questions_using_profile"), {"id": profile.id}) or 0):
        raise InvalidInput(
            f"{running} questions still read the profile {profile.name!r}; drop it when they are answered."
        )
    if session.execute(named("drop_profile"), {"id": profile.id}).one_or_none() is None:
        raise InvalidInput(f"The profile {profile.name!r} is live; switch to another before you drop it.")
    session.execute(delete(EmbeddingTask).where(EmbeddingTask.profile_id == profile.id))


def drop_vectors(session: Session, profile_id: int) -> int:
    """Delete a batch of a dropped profile's vectors; gives how many, 0 at the end."""
    return int(
        getattr(
            session.execute(named("delete_profile_vectors"), {"id": profile_id, "limit": DROP_BATCH}), "rowcount", 0
        )
    )


def record_problem(session: Session, profile_id: int, problem: str) -> None:
    """Remember why a worker could not embed for a profile; empty: it can."""
    session.execute(named("update_profile_problem"), {"id": profile_id, "problem": problem})


def record_loaded(session: Session, worker_id: str, profile_ids: Sequence[int]) -> None:
    """Remember which profiles' models a worker has in memory."""
    session.execute(named("update_worker_profiles"), {"id": worker_id, "profiles": sorted(profile_ids)})


def list_workers_without(session: Session, profile_id: int) -> list[str]:
    """Name the workers that answer questions and have not this profile's model in memory."""
    return list(session.scalars(named("list_workers_without_profile"), {"id": profile_id}))


def to_profile(row: Any) -> EmbeddingProfile:
    """Turn a profile's row into the pipeline's value."""
    return EmbeddingProfile(
        id=row.id,
        name=row.name,
        model=row.model,
        dimensions=row.dimensions,
        max_tokens=row.max_tokens,
        query_prefix=row.query_prefix,
        passage_prefix=row.passage_prefix,
        normalize=row.normalize,
        backend=cast("EmbeddingBackend", row.backend),
        pooling=cast("Pooling", row.pooling),
        base_url=row.base_url,
    )


def _to_values(described: EmbeddingProfile) -> dict[str, Any]:
    return {
        "name": described.name,
        "model": described.model,
        "dimensions": described.dimensions,
        "max_tokens": described.max_tokens,
        "query_prefix": described.query_prefix,
        "passage_prefix": described.passage_prefix,
        "normalize": described.normalize,
        "backend": described.backend,
        "pooling": described.pooling,
        "base_url": described.base_url,
    }
