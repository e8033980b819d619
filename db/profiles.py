"""Embedding profiles: added, built in parallel to the live one, switched in one statement, rolled back, dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote
from typing import Any, cast

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.embedding_models import EmbeddingTask
from db.models import ProfileRow
from db.sql import named
from pipeline.errors import InvalidInput, ProfileNotReady, SetupError, UnknownName
from pipeline.types import EmbeddingBackend, EmbeddingProfile, Pooling, Quantization

MAX_DIMENSIONS = 4000
"""Maximum of a half-precision HNSW index of pgvector."""
DROP_BATCH = 10_000
"""Number of vectors deleted in one transaction."""


@dataclass(frozen=True, slots=True)
class ProfileStatus:
    """A profile with its state and its backlog."""

    profile: EmbeddingProfile
    state: str
    vectors: int
    waiting: int
    """Number of queued chunks of all versions."""
    stuck: int
    """Number of queued chunks that used up their attempts."""
    problem: str
    """Last reason why a worker could not embed for it; empty if it could."""


def lock_shared(session: Session) -> None:
    """Prevent a switch of the live profile until this transaction ends; call it before any row lock."""
    session.execute(named("lock_profiles_shared"))


def find_live(session: Session) -> EmbeddingProfile | None:
    """Return the live profile, or None before the first worker has started."""
    row = session.scalars(select(ProfileRow).where(ProfileRow.state == "live")).one_or_none()
    return None if row is None else to_profile(row)


def list_filled(session: Session) -> list[EmbeddingProfile]:
    """Return the profiles that are kept complete: live, then building, then retired ones."""
    return [to_profile(row) for row in session.execute(named("list_filled_profiles"))]


def list_models(session: Session) -> set[str]:
    """Return the models of all profiles, including dropped ones."""
    return set(session.scalars(select(ProfileRow.model)))


def list_statuses(session: Session, *, max_attempts: int) -> list[ProfileStatus]:
    """List all profiles, the live one first; chunks claimed `max_attempts` times count as stuck."""
    rows = session.execute(named("list_profiles"), {"max_attempts": max_attempts})
    return [ProfileStatus(to_profile(row), row.state, row.vectors, row.waiting, row.stuck, row.problem) for row in rows]


def find(session: Session, name: str) -> tuple[EmbeddingProfile, str]:
    """Return a profile by name with its state; raise `UnknownName` with the known names."""
    row = session.scalars(select(ProfileRow).where(ProfileRow.name == name)).one_or_none()
    if row is None:
        names = ", ".join(session.scalars(select(ProfileRow.name).order_by(ProfileRow.id))) or "none yet"
        raise UnknownName(f"There is no embedding profile {name!r}. Known profiles: {names}.")
    return to_profile(row), row.state


def add_first(session: Session, described: EmbeddingProfile) -> EmbeddingProfile:
    """Make the described model the live profile unless there is one, and return the live one (a system transaction)."""
    session.execute(insert(ProfileRow).values(**_to_values(described), state="live").on_conflict_do_nothing())
    live = find_live(session)
    if live is None:
        raise SetupError("No embedding profile is live. Make one live with `refdesk profiles switch`.")
    return live


def add(session: Session, described: EmbeddingProfile) -> EmbeddingProfile:
    """Add a profile (a system transaction).

    A dropped profile of this name is restored if its description is equal. Raises `InvalidInput` if another profile has
    the name, or if an index does not support the dimensions.
    """
    if described.dimensions > MAX_DIMENSIONS:
        raise InvalidInput(
            f"{described.model} returns vectors of {described.dimensions:,} dimensions; an index supports at most"
            f" {MAX_DIMENSIONS:,}. Use another model, or request fewer dimensions of an endpoint with --dimensions."
        )
    row = session.execute(named("lock_profile_by_name"), {"name": described.name}).one_or_none()
    if row is None:
        added = insert(ProfileRow).values(**_to_values(described), state="added").returning(ProfileRow)
        return to_profile(session.scalars(added).one())
    same = {name: getattr(row, name) for name in _to_values(described)} == _to_values(described)
    if row.state != "dropped" or not same:
        conflict = "was dropped and had another description" if row.state == "dropped" else f"exists ({row.state})"
        raise InvalidInput(
            f"The profile {described.name!r} {conflict}. Use another name, because a name always has one description."
        )
    session.execute(named("restore_profile"), {"id": row.id})
    return to_profile(row)


def start_building(session: Session, profile_id: int, *, again: bool = True) -> int:
    """Queue all chunks without a vector and return their number; new documents are embedded for this profile too.

    A retired profile stays retired and is only completed. `again` resets the attempts of chunks that used them up.
    """
    session.execute(named("lock_profiles_exclusive"))
    session.execute(named("mark_profile_building"), {"id": profile_id})
    queued = session.execute(named("queue_missing_vectors"), {"id": profile_id, "again": again})
    return int(getattr(queued, "rowcount", 0))


def count_missing(session: Session, profile_id: int) -> int:
    """Count the live chunks that have no vector of a profile."""
    return int(session.scalar(named("count_missing_vectors"), {"id": profile_id}) or 0)


def measure_bytes(session: Session, profile_id: int) -> int:
    """Return the size of the vectors of a profile in bytes."""
    return int(session.scalar(named("measure_profile_bytes"), {"id": profile_id}) or 0)


def switch(session: Session, profile: EmbeddingProfile, *, require_complete: bool = True) -> None:
    """Make another profile live (a system transaction).

    Chunks without a vector of the profile are found by keyword only until they have one. Versions being built become
    live once they have their vectors.

    Raises:
        ProfileNotReady: Live chunks have no vector of the profile, and `require_complete` is set.
        InvalidInput: The profile is live already or was not built.
    """
    session.execute(named("lock_profiles_exclusive"))
    if require_complete and (missing := count_missing(session, profile.id)):
        raise ProfileNotReady(
            f"The profile {profile.name!r} has no vectors for {missing:,} chunks in use."
            f" Run `refdesk profiles build {quote(profile.name)}` first."
        )
    session.execute(named("queue_missing_vectors"), {"id": profile.id, "again": False})
    if session.execute(named("switch_profile"), {"id": profile.id}).one_or_none() is None:
        raise InvalidInput(f"The profile {profile.name!r} cannot become live: it is live already or was not built.")


def find_rollback(session: Session) -> EmbeddingProfile:
    """Return the profile that was live before; raise `UnknownName` if there is none."""
    newest = (ProfileRow.retired_at.desc().nulls_last(), ProfileRow.id.desc())
    last = select(ProfileRow).where(ProfileRow.state == "retired").order_by(*newest).limit(1)
    row = session.scalars(last).one_or_none()
    if row is None:
        raise UnknownName("No other profile was live before, so there is no profile to roll back to.")
    return to_profile(row)


def drop(session: Session, profile: EmbeddingProfile) -> None:
    """Mark a profile as dropped; `drop_vectors` deletes its vectors.

    Raises `InvalidInput` if it is live, or if running questions started while it was.
    """
    session.execute(named("lock_profiles_exclusive"))
    if running := int(session.scalar(named("count_questions_using_profile"), {"id": profile.id}) or 0):
        raise InvalidInput(
            f"{running} running questions use the profile {profile.name!r}. Drop it when they have ended."
        )
    if session.execute(named("drop_profile"), {"id": profile.id}).one_or_none() is None:
        raise InvalidInput(f"The profile {profile.name!r} is live. Switch to another profile before you drop it.")
    session.execute(delete(EmbeddingTask).where(EmbeddingTask.profile_id == profile.id))


def drop_vectors(session: Session, profile_id: int) -> int:
    """Delete a batch of the vectors of a dropped profile and return how many; 0 when none are left."""
    return int(
        getattr(
            session.execute(named("delete_profile_vectors"), {"id": profile_id, "limit": DROP_BATCH}), "rowcount", 0
        )
    )


def record_problem(session: Session, profile_id: int, problem: str) -> None:
    """Record why a worker could not embed for a profile; empty if it could."""
    session.execute(named("update_profile_problem"), {"id": profile_id, "problem": problem})


def record_loaded(session: Session, worker_id: str, profile_ids: Sequence[int]) -> None:
    """Record the profiles whose models a worker has loaded."""
    session.execute(named("update_worker_profiles"), {"id": worker_id, "profiles": sorted(profile_ids)})


def list_workers_without(session: Session, profile_id: int) -> list[str]:
    """List the running query workers that have not loaded the model of a profile."""
    return list(session.scalars(named("list_workers_without_profile"), {"id": profile_id}))


def to_profile(row: Any) -> EmbeddingProfile:
    """Convert the row of a profile."""
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
        quantization=cast("Quantization", row.quantization),
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
        "quantization": described.quantization,
    }
