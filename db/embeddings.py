"""The embedding queue: claim chunks across documents, store their vectors, switch complete versions."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pgvector import HalfVector
from sqlalchemy.orm import Session

from db import jobs, profiles, quarantine, versions
from db.sql import named
from pipeline.errors import ProfileMismatch
from pipeline.types import EmbeddingProfile


@dataclass(frozen=True, slots=True)
class Backlog:
    """The size and the age of the backlog, up to one batch."""

    waiting: int
    oldest_s: float
    attempts: int
    """Number of earlier claims of the chunk that is due first."""


@dataclass(frozen=True, slots=True)
class ClaimedChunk:
    """A chunk to embed."""

    chunk_id: int
    workspace_id: int
    version_id: int
    headings: tuple[str, ...]
    text: str


def count_backlog(session: Session, profile_id: int, *, limit: int, max_attempts: int) -> Backlog:
    """Count the chunks that can be claimed, up to `limit`; the sweeper handles chunks claimed `max_attempts` times."""
    values = {"profile_id": profile_id, "limit": limit, "max_attempts": max_attempts}
    row = session.execute(named("count_embedding_backlog"), values).one()
    return Backlog(row.waiting, row.oldest_s, row.attempts)


def has_queued_ingest_jobs(session: Session) -> bool:
    """Return whether queued ingest jobs will add chunks."""
    return bool(session.scalar(named("has_queued_ingest_jobs")))


def claim_chunks(
    session: Session, profile_id: int, *, worker: str, token: uuid.UUID, attempts: int, limit: int, lease_s: float
) -> list[ClaimedChunk]:
    """Claim the next chunks that were claimed `attempts` times before."""
    values = {
        "profile_id": profile_id,
        "worker": worker,
        "token": token,
        "attempts": attempts,
        "limit": limit,
        "lease_s": lease_s,
    }
    session.execute(named("lock_embedding_claims"))
    rows = session.execute(named("claim_chunks"), values)
    return [ClaimedChunk(r.chunk_id, r.workspace_id, r.version_id, tuple(r.headings), r.text) for r in rows]


def renew_claim(session: Session, token: uuid.UUID, lease_s: float) -> None:
    """Renew a claim."""
    session.execute(named("renew_chunk_claim"), {"token": token, "lease_s": lease_s})


def release_claim(session: Session, token: uuid.UUID, *, counted: bool) -> None:
    """Release a claim; `counted` if its work failed, so that the chunks are claimed in a smaller batch next time."""
    session.execute(named("release_chunk_claim"), {"token": token, "counted": counted})


def store_vectors(
    session: Session,
    profile: EmbeddingProfile,
    *,
    token: uuid.UUID,
    chunks: Sequence[ClaimedChunk],
    vectors: npt.NDArray[np.float32],
) -> list[int]:
    """Store the vectors of chunks still claimed under the token, and return the versions that became live.

    `vectors` has the shape (chunks, dimensions of the profile); any other shape raises `ProfileMismatch`.
    """
    if vectors.shape != (len(chunks), profile.dimensions):
        raise ProfileMismatch(
            f"The profile {profile.name} has {profile.dimensions} dimensions, but the vectors of {len(chunks)} chunks"
            f" have the shape {vectors.shape}; nothing was stored."
        )
    version_ids = sorted({chunk.version_id for chunk in chunks})
    profiles.lock_shared(session)
    versions.lock_versions(session, version_ids)
    owned = set(session.scalars(named("dequeue_claimed_chunks"), {"token": token, "profile_id": profile.id}))
    rows = [
        {
            "profile_id": profile.id,
            "chunk_id": chunk.chunk_id,
            "workspace_id": chunk.workspace_id,
            "version_id": chunk.version_id,
            "vector": HalfVector(vector),
        }
        for chunk, vector in zip(chunks, vectors, strict=True)
        if chunk.chunk_id in owned
    ]
    if rows:
        session.execute(named("insert_embedding"), rows)
    session.execute(named("update_embedding_progress"), {"version_ids": version_ids})
    return versions.complete_versions(session, version_ids)


def end_unembeddable(session: Session, max_attempts: int) -> list[int]:
    """Mark the jobs of documents with an unembeddable chunk as dead, and return their IDs."""
    killed = []
    for row in session.execute(named("list_unembeddable_versions"), {"max_attempts": max_attempts}).all():
        values = {"id": row.job_id, "max_attempts": max_attempts}
        if session.execute(named("mark_embedding_job_dead"), values).one_or_none() is not None:
            quarantine.add(session, row.job_id)
            killed.append(int(row.job_id))
        jobs.discard(session, row.job_id)
    return killed
