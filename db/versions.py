"""Versions of documents: stored with their chunks and terms, and switched when their vectors are complete."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from db import documents, jobs, profiles
from db.keyword_index import ChunkTerms, add_chunk_terms
from db.models import DocumentVersion
from db.sql import named
from pipeline.types import ParsedDocument, PreparedChunk


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A parsed and chunked document to store."""

    source: str
    sha256: bytes
    channels: Sequence[str] | None
    parsed: ParsedDocument
    inputs: Sequence[PreparedChunk]


def store_version(session: Session, lease: jobs.Lease, version: NewVersion) -> int:
    """Store a version that is not live yet, queue the chunks without a vector, and return the ID of the version.

    The job then waits for the vectors without a lease. If every chunk has a vector already, the version becomes live
    immediately. Everything is one tenant transaction, fenced by the lease.
    """
    profiles.lock_shared(session)
    jobs.lock_lease(session, lease)
    if lease.attempt > 1:
        jobs.discard(session, lease.job_id)
    document_id = documents.upsert(session, _document_values(lease, version))
    version_id = session.scalars(
        insert(DocumentVersion).values(**_version_values(lease, document_id, version)).returning(DocumentVersion.id)
    ).one()
    _add_chunks(session, lease.workspace_id, document_id, version_id, version.inputs)
    total = len(version.inputs)
    done = total - int(session.scalar(named("copy_or_queue_vectors"), {"version_id": version_id}) or 0)
    values = {"id": lease.job_id, "token": lease.token, "done": done, "total": total}
    session.execute(named("release_to_embedder"), values)
    if done == total:
        complete_versions(session, [version_id])
    return version_id


def lock_versions(session: Session, version_ids: Sequence[int]) -> None:
    """Lock versions with their jobs and documents, in the common order of locks."""
    for name in ("lock_version_jobs", "lock_version_documents", "lock_versions"):
        session.execute(named(name), {"version_ids": list(version_ids)})


def complete_versions(session: Session, version_ids: Sequence[int]) -> list[int]:
    """Make the versions live that have all vectors of the live profile, end their jobs, and return their IDs.

    The caller must call `profiles.lock_shared` before it takes any other lock.
    """
    complete = session.execute(named("list_complete_versions"), {"version_ids": list(version_ids)}).all()
    if outdated := [row.id for row in complete if row.outdated]:
        session.execute(named("end_outdated_jobs"), {"version_ids": outdated})
        session.execute(delete(DocumentVersion).where(DocumentVersion.id.in_(outdated)))
    waiting = {row.id: row.document_id for row in complete if not row.outdated}
    while waiting:
        # Two versions of one document become live one after the other; in one statement each would delete the other.
        wave = {document_id: version_id for version_id, document_id in reversed(waiting.items())}
        for name in ("switch_versions", "succeed_version_jobs", "delete_superseded_versions"):
            session.execute(named(name), {"version_ids": list(wave.values())})
        waiting = {version_id: doc for version_id, doc in waiting.items() if wave[doc] != version_id}
    return [row.id for row in complete if not row.outdated]


def _document_values(lease: jobs.Lease, version: NewVersion) -> dict[str, object]:
    return {
        "workspace_id": lease.workspace_id,
        "source": version.source,
        "title": version.parsed.title,
        "media_type": version.parsed.media_type,
        "channels": None if version.channels is None else list(version.channels),
        "added_by": lease.requester,
    }


def _version_values(lease: jobs.Lease, document_id: int, version: NewVersion) -> dict[str, object]:
    return {
        "workspace_id": lease.workspace_id,
        "document_id": document_id,
        "job_id": lease.job_id,
        "sha256": version.sha256,
        "title": version.parsed.title,
        "media_type": version.parsed.media_type,
        "pages": version.parsed.pages,
        "language": version.parsed.language,
        "chunks": len(version.inputs),
        "terms": sum(term.frequency for item in version.inputs for term in item.terms),
        "warnings": list(version.parsed.warnings),
        "unread": [dataclasses.asdict(part) for part in version.parsed.unread],
    }


def _add_chunks(
    session: Session, workspace_id: int, document_id: int, version_id: int, inputs: Sequence[PreparedChunk]
) -> None:
    scope = {"workspace_id": workspace_id, "document_id": document_id, "version_id": version_id}
    rows = [
        {
            "ordinal": item.chunk.ordinal,
            "text": item.chunk.text,
            "headings": list(item.chunk.headings),
            "page": item.chunk.page,
            "tokens": item.chunk.tokens,
            "input_hash": item.input_hash.hex(),
            "confidence": item.chunk.confidence,
        }
        for item in inputs
    ]
    numbered = session.execute(named("insert_chunks"), scope | {"chunks": json.dumps(rows)}).all()
    chunk_of = {row.ordinal: row.id for row in numbered}
    add_chunk_terms(
        session,
        [ChunkTerms(workspace_id, version_id, chunk_of[item.chunk.ordinal], item.terms) for item in inputs],
    )
