"""The bytes of ingest jobs: fetched, or read together from the store, without those that need no work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from db import blobs, documents, jobs, quarantine, workspace_settings
from pipeline.errors import InvalidInput, UnknownName
from pipeline.ports import Fetcher
from pipeline.types import Source
from tasks.lease import LeasedJob
from tasks.lease_batch import JobBatch
from tasks.runtime import Runtime


@dataclass(frozen=True, slots=True)
class JobSource:
    """The bytes of a job's document."""

    job: LeasedJob
    sha256: str
    source: Source


@dataclass(frozen=True, slots=True)
class _StoredBytes:
    quarantined: dict[str, Exception]
    """Why content must not be parsed, by its SHA-256."""
    unchanged: dict[int, documents.DuplicateDocument]
    """The documents that have these bytes already, by job ID."""
    contents: dict[str, bytes]


def read_sources(runtime: Runtime, batch: JobBatch, group: Sequence[LeasedJob], fetcher: Fetcher) -> list[JobSource]:
    """Return the documents to prepare of jobs of one workspace.

    Jobs of unchanged, quarantined and missing content end here, and so do links that cannot be fetched.
    """
    fetched: dict[int, Source] = {}
    hashes: list[tuple[LeasedJob, str]] = []
    for job in group:
        with batch.work_on(job):
            sha256 = job.lease.payload.get("sha256")
            if sha256 is None:
                fetched[job.lease.job_id] = source = _fetch(fetcher, job)
                sha256 = _store(runtime, job.lease, source)
            hashes.append((job, str(sha256)))
    try:
        stored = _read_stored(runtime, hashes)
    except Exception as error:  # noqa: BLE001 - recorded with each of the jobs
        batch.fail([job for job, _ in hashes], error)
        return []
    sources: list[JobSource] = []
    for job, sha256 in hashes:
        with batch.work_on(job):
            if sha256 in stored.quarantined:
                raise stored.quarantined[sha256]
            if unchanged := stored.unchanged.get(job.lease.job_id):
                _end_unchanged(runtime, job.lease, unchanged)
                batch.note_end(job)
                continue
            source = fetched.get(job.lease.job_id) or _build_source(job.lease, sha256, stored.contents)
            sources.append(JobSource(job, sha256, source))
    return sources


def _fetch(fetcher: Fetcher, job: LeasedJob) -> Source:
    job.report("fetch")
    url = str(job.lease.payload["url"])
    fetched = fetcher.fetch(url)
    if not fetched.content:
        raise InvalidInput(f"The page at {url} is empty.")
    job.report("parse")
    return fetched


def _store(runtime: Runtime, lease: jobs.Lease, source: Source) -> str:
    with runtime.database.tenant(lease.workspace_id) as session:
        jobs.lock_lease(session, lease)
        limit = workspace_settings.find_library_limit(session, lease.workspace_id, runtime.settings.quotas.library_mb)
        blobs.require_room(session, lease.workspace_id, source.content, limit)
        return blobs.store(session, lease.workspace_id, source.content)


def _read_stored(runtime: Runtime, hashes: Sequence[tuple[LeasedJob, str]]) -> _StoredBytes:
    if not hashes:
        return _StoredBytes({}, {}, {})
    workspace_id = hashes[0][0].lease.workspace_id
    changeable = [(job.lease, sha256) for job, sha256 in hashes if not job.lease.payload.get("force")]
    with runtime.database.tenant(workspace_id) as session:
        quarantined = quarantine.find(session, workspace_id, [sha256 for _, sha256 in hashes])
        unchanged = documents.find_same_bytes(session, workspace_id, changeable) if changeable else {}
        wanted = {
            sha256
            for job, sha256 in hashes
            if job.lease.payload.get("sha256") is not None and job.lease.job_id not in unchanged
        }
        contents = blobs.read_all(session, workspace_id, wanted - quarantined.keys())
    return _StoredBytes(dict(quarantined), unchanged, contents)


def _build_source(lease: jobs.Lease, sha256: str, contents: dict[str, bytes]) -> Source:
    if sha256 not in contents:
        raise UnknownName(blobs.MISSING.format(sha256[:12]))
    return Source(str(lease.payload["name"]), contents[sha256], str(lease.payload.get("media_type") or ""))


def _end_unchanged(runtime: Runtime, lease: jobs.Lease, same: documents.DuplicateDocument) -> None:
    """Complete a job without new work, because the live version has the same bytes."""
    result = {"document": same.id, "title": same.title, "chunks": same.chunks, "unread": same.unread}
    with runtime.database.tenant(lease.workspace_id) as session:
        jobs.lock_lease(session, lease)
        documents.add_missing_origin(session, same.id, lease.payload.get("origin"))
        jobs.succeed(session, lease, result | {"unchanged": True})
