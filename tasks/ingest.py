"""The ingest task: claim the job, fetch or read the bytes, prepare the document, store it, wake the embedder."""

from __future__ import annotations

from db import blobs, documents, jobs, quarantine, versions
from db.engine import Session
from pipeline.errors import InvalidInput
from pipeline.ingest import prepare_document
from pipeline.types import Source
from tasks.app import INGEST, app
from tasks.lease import DelayedProgress, LeasedJob, ThrottledProgress, lease_job
from tasks.runtime import Runtime, get_live_parts, get_runtime
from tasks.worker_heartbeat import note_task


@app.task(name="refdesk.ingest", queue=INGEST)
def ingest(job_id: int) -> None:
    """Ingest one document and wake the embedder."""
    note_task()
    runtime = get_runtime()
    with lease_job(
        runtime.database, job_id, worker=runtime.worker, stage="parse", lease_s=runtime.settings.jobs.lease_s
    ) as job:
        if job is not None:
            _ingest(runtime, job)
    runtime.wake_embedder()


def _ingest(runtime: Runtime, job: LeasedJob) -> None:
    lease = job.lease
    fetched = _fetch(runtime, job) if lease.payload.get("sha256") is None else None
    with runtime.database.tenant(lease.workspace_id) as session:
        if fetched is not None:
            jobs.lock_lease(session, lease)
            sha256 = blobs.store(session, lease.workspace_id, fetched.content)
        else:
            sha256 = str(lease.payload["sha256"])
        quarantine.require_not_quarantined(session, lease.workspace_id, sha256)
        if _is_unchanged(session, lease, sha256):
            return
        source = fetched or _read_source(session, lease, sha256)
    _, parts = get_live_parts(runtime)
    on_stage = DelayedProgress(job.report)
    progress = ThrottledProgress(job.report)
    prepared = prepare_document(
        source,
        parts.ingest,
        on_stage=on_stage,
        on_page=lambda done, total: progress("ocr", done, total, ""),
        cancelled=job.should_stop,
    )
    on_stage("store")
    version = versions.NewVersion(
        source=str(lease.payload["source"]),
        sha256=bytes.fromhex(sha256),
        channels=lease.payload.get("channels"),
        parsed=prepared.parsed,
        inputs=prepared.chunks,
    )
    with runtime.database.tenant(lease.workspace_id) as session:
        versions.store_version(session, lease, version)
    parts.ingest.parser.discard_pages(source)


def _fetch(runtime: Runtime, job: LeasedJob) -> Source:
    job.report("fetch")
    url = str(job.lease.payload["url"])
    fetched = get_live_parts(runtime)[1].ingest.fetcher.fetch(url)
    if not fetched.content:
        raise InvalidInput(f"The page at {url} is empty.")
    job.report("parse")
    return fetched


def _is_unchanged(session: Session, lease: jobs.Lease, sha256: str) -> bool:
    """Complete the job without new work if the live version has the same bytes."""
    same = None if lease.payload.get("force") else documents.find_same_bytes(session, lease, sha256)
    if same is None:
        return False
    documents.update_origin(session, same.id, lease.payload.get("origin"))
    result = {"document": same.id, "title": same.title, "chunks": same.chunks, "unread": same.unread}
    jobs.succeed(session, lease, result | {"unchanged": True})
    return True


def _read_source(session: Session, lease: jobs.Lease, sha256: str) -> Source:
    content = blobs.read(session, lease.workspace_id, sha256)
    return Source(str(lease.payload["name"]), content, str(lease.payload.get("media_type") or ""))
