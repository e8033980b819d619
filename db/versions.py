"""Versions of documents: stored with their chunks and terms, and switched when their vectors are complete."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from db import documents, job_batches, jobs, profiles
from db.keyword_index import ChunkTerms, add_chunk_terms
from db.models import DocumentVersion
from db.sql import named
from pipeline.errors import Cancelled, LeaseLost
from pipeline.types import ParsedDocument, PreparedChunk


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A parsed and chunked document to store."""

    source: str
    sha256: bytes
    channels: Sequence[str] | None
    parsed: ParsedDocument
    inputs: Sequence[PreparedChunk]


@dataclass(frozen=True, slots=True)
class StoredVersions:
    """The result of storing versions."""

    ids: Mapping[int, int]
    """The IDs of the stored versions by job ID."""
    stopped: Mapping[int, Cancelled | LeaseLost]
    """Why nothing was stored for a job, by job ID."""


def store_version(session: Session, lease: jobs.Lease, version: NewVersion) -> int:
    """Store one version as `store_versions` does and return its ID; raise `LeaseLost` or `Cancelled`."""
    stored = store_versions(session, lease.workspace_id, [(lease, version)])
    if error := stored.stopped.get(lease.job_id):
        raise error
    return stored.ids[lease.job_id]


def store_versions(
    session: Session, workspace_id: int, new_versions: Sequence[tuple[jobs.Lease, NewVersion]]
) -> StoredVersions:
    """Store versions of one workspace that are not live yet, and queue their chunks without a vector.

    The jobs then wait for the vectors without a lease. A version whose chunks all have a vector already becomes live
    immediately. Everything is one tenant transaction; each version is fenced by the lease of its job.
    """
    profiles.lock_shared(session)
    locked = job_batches.lock(session, [lease for lease, _ in new_versions])
    stopped = {
        lease.job_id: Cancelled() if lease.job_id in locked else LeaseLost()
        for lease, _ in new_versions
        if locked.get(lease.job_id, True)
    }
    accepted = [(lease, version) for lease, version in new_versions if lease.job_id not in stopped]
    if not accepted:
        return StoredVersions({}, stopped)
    for lease, _ in accepted:
        if lease.attempt > 1:
            jobs.discard(session, lease.job_id)
    document_of = documents.upsert(session, workspace_id, [_document_values(lease, new) for lease, new in accepted])
    rows = [_version_values(lease, document_of[new.source], new) for lease, new in accepted]
    inserted = session.execute(named("insert_versions"), {"workspace_id": workspace_id, "versions": json.dumps(rows)})
    ids = {row.job_id: row.id for row in inserted}
    _add_chunks(session, workspace_id, [(ids[lease.job_id], document_of[new.source], new) for lease, new in accepted])
    queued = session.execute(named("copy_or_queue_vectors"), {"version_ids": list(ids.values())})
    waiting = {row.version_id: row.queued for row in queued}
    totals = [len(new.inputs) for _, new in accepted]
    done = [total - waiting.get(ids[lease.job_id], 0) for (lease, _), total in zip(accepted, totals, strict=True)]
    leases = job_batches.identify([lease for lease, _ in accepted])
    session.execute(named("release_leases_to_embedder"), leases | {"done": done, "totals": totals})
    if complete := [version_id for version_id in ids.values() if version_id not in waiting]:
        complete_versions(session, complete)
    return StoredVersions(ids, stopped)


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
        "source": version.source,
        "title": version.parsed.title,
        "media_type": version.parsed.media_type,
        "channels": None if version.channels is None else list(version.channels),
        "added_by": lease.requester,
    }


def _version_values(lease: jobs.Lease, document_id: int, version: NewVersion) -> dict[str, object]:
    return {
        "document_id": document_id,
        "job_id": lease.job_id,
        "sha256": version.sha256.hex(),
        "title": version.parsed.title,
        "media_type": version.parsed.media_type,
        "pages": version.parsed.pages,
        "language": version.parsed.language,
        "chunks": len(version.inputs),
        "terms": sum(term.frequency for item in version.inputs for term in item.terms),
        "warnings": list(version.parsed.warnings),
        "unread": [dataclasses.asdict(part) for part in version.parsed.unread],
    }


def _add_chunks(session: Session, workspace_id: int, new_versions: Sequence[tuple[int, int, NewVersion]]) -> None:
    """Store the chunks and terms of versions, each with the ID of the version and of its document."""
    rows = [
        {
            "version_id": version_id,
            "document_id": document_id,
            "ordinal": item.chunk.ordinal,
            "text": item.chunk.text,
            "headings": list(item.chunk.headings),
            "page": item.chunk.page,
            "tokens": item.chunk.tokens,
            "input_hash": item.input_hash.hex(),
            "confidence": item.chunk.confidence,
        }
        for version_id, document_id, version in new_versions
        for item in version.inputs
    ]
    values = {"workspace_id": workspace_id, "chunks": json.dumps(rows)}
    chunk_of = {(row.version_id, row.ordinal): row.id for row in session.execute(named("insert_chunks"), values)}
    terms = [
        ChunkTerms(workspace_id, version_id, chunk_of[version_id, item.chunk.ordinal], item.terms)
        for version_id, _, version in new_versions
        for item in version.inputs
    ]
    add_chunk_terms(session, terms)


def find_jobs(session: Session, version_ids: Collection[int]) -> dict[int, int]:
    """Return the job that builds each version (a system transaction)."""
    query = select(DocumentVersion.id, DocumentVersion.job_id).where(DocumentVersion.id.in_(version_ids))
    return {row.id: row.job_id for row in session.execute(query) if row.job_id is not None}
