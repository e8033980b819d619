"""The ingest task: claim jobs, fetch or read the bytes, prepare the documents, store them, wake the embedder.

Small documents of a workspace come in batches: they are claimed, read and stored together, but each has its own lease
and outcome.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from config.budgets import build_document_budget
from db import versions
from db.spending import PostgresSpending
from monitoring.traces import job_span, shared_span
from pipeline.embed import build_passage_input
from pipeline.errors import Cancelled
from pipeline.ingest import IngestParts, PreparedDocument, prepare_document
from pipeline.ports import Parser
from pipeline.types import EmbeddingProfile
from tasks.app import INGEST, app
from tasks.ingest_sources import JobSource, read_sources
from tasks.lease import DelayedProgress, LeasedJob, ThrottledProgress
from tasks.lease_batch import JobBatch, lease_jobs
from tasks.runtime import Runtime, get_live_parts, get_runtime
from tasks.worker_heartbeat import is_stopping, note_task

MAX_READY_CHUNKS = 256
"""Chunks of prepared documents that are stored at once."""
MAX_READY_S = 0.2
"""Seconds that a prepared document waits for others to be stored with."""


@app.task(name="refdesk.ingest", queue=INGEST)
def ingest(job_ids: int | list[int]) -> None:
    """Ingest as many documents as the message names, those that are next in the fair order, and wake the embedder.

    Args:
        job_ids: The jobs that were submitted with this message. Other messages start those that are not the next ones.
    """
    note_task()
    ingest_next(get_runtime(), 1 if isinstance(job_ids, int) else len(job_ids))


def ingest_next(runtime: Runtime, count: int) -> None:
    """Ingest batches of documents until `count` jobs were claimed, no job is due, or the worker is stopping."""
    left = count
    while left > 0 and not is_stopping():
        with lease_jobs(
            runtime.database,
            worker=runtime.worker,
            stage="parse",
            lease_s=runtime.settings.jobs.lease_s,
            limit=runtime.batch_sizer.size,
        ) as batch:
            if not batch.jobs:
                return
            started = time.monotonic()
            _ingest(runtime, batch, batch.jobs)
            runtime.batch_sizer.record(len(batch.jobs), time.monotonic() - started)
        left -= len(batch.jobs)
        runtime.wake_embedder()


@dataclass(frozen=True, slots=True)
class _Prepared:
    document: JobSource
    version: versions.NewVersion


def _ingest(runtime: Runtime, batch: JobBatch, group: Sequence[LeasedJob]) -> None:
    """Ingest the documents of jobs of one workspace."""
    try:
        _, parts = get_live_parts(runtime)
    except Exception as error:  # noqa: BLE001 - recorded with each of the jobs
        batch.fail(group, error)
        return
    writer = _Writer(runtime, batch, parts.ingest.parser)
    for document in read_sources(runtime, batch, group, parts.ingest.fetcher):
        lease = document.job.lease
        with batch.work_on(document.job), job_span(lease.job_id, "attempt", attempt=lease.attempt):
            if document.job.should_stop():
                raise Cancelled
            writer.add(_prepare(runtime, parts.ingest, document, writer))
        writer.flush(due_only=True)
    writer.flush()


def _prepare(runtime: Runtime, parts: IngestParts, document: JobSource, writer: _Writer) -> _Prepared:
    job, payload = document.job, document.job.lease.payload
    on_stage = DelayedProgress(job.report)
    progress = ThrottledProgress(job.report)

    def on_page(done: int, total: int) -> None:
        writer.flush()  # text recognition is slow, and the documents before this one must not wait for it
        progress("ocr", done, total, "")

    prepared = prepare_document(document.source, parts, on_stage=on_stage, on_page=on_page, cancelled=job.should_stop)
    _reserve_embedding(runtime, parts.profile, job, prepared)
    on_stage("store")
    version = versions.NewVersion(
        source=str(payload["source"]),
        sha256=bytes.fromhex(document.sha256),
        channels=payload.get("channels"),
        parsed=prepared.parsed,
        inputs=prepared.chunks,
    )
    return _Prepared(document, version)


def _reserve_embedding(runtime: Runtime, profile: EmbeddingProfile, job: LeasedJob, prepared: PreparedDocument) -> None:
    """Reserve the cost of embedding a document; raise `BudgetExceeded` if a hard limit does not allow it."""
    spending = PostgresSpending(runtime.database, job.lease, replace=True)
    budget = build_document_budget(runtime.settings, spending, profile)
    if budget is not None:
        budget.reserve_embedding(
            [build_passage_input(profile, item.chunk.headings, item.chunk.text) for item in prepared.chunks]
        )


class _Writer:
    """Collects prepared documents and stores them together."""

    def __init__(self, runtime: Runtime, batch: JobBatch, parser: Parser) -> None:
        self._runtime = runtime
        self._batch = batch
        self._parser = parser
        self._ready: list[_Prepared] = []
        self._since = 0.0

    def add(self, prepared: _Prepared) -> None:
        """Add a document to store."""
        self._since = self._since if self._ready else time.monotonic()
        self._ready.append(prepared)

    def flush(self, *, due_only: bool = False) -> None:
        """Store the documents that were added, or leave them until there are enough or one has waited too long."""
        chunks = sum(len(prepared.version.inputs) for prepared in self._ready)
        due = chunks >= MAX_READY_CHUNKS or time.monotonic() - self._since >= MAX_READY_S
        if not self._ready or (due_only and not due):
            return
        ready, self._ready = self._ready, []
        try:
            self._store(ready)
        except Exception:  # noqa: BLE001 - storing each document alone finds the one that is at fault
            for prepared in ready:
                with self._batch.work_on(prepared.document.job):
                    self._store([prepared])
        self._runtime.wake_embedder()

    def _store(self, ready: Sequence[_Prepared]) -> None:
        workspace_id = ready[0].document.job.lease.workspace_id
        new_versions = [(prepared.document.job.lease, prepared.version) for prepared in ready]
        chunks = {prepared.document.job.lease.job_id: len(prepared.version.inputs) for prepared in ready}
        with shared_span(chunks, "store"), self._runtime.database.tenant(workspace_id) as session:
            stopped = versions.store_versions(session, workspace_id, new_versions).stopped
        for job, source in ((prepared.document.job, prepared.document.source) for prepared in ready):
            error = stopped.get(job.lease.job_id)
            if error is None:
                self._batch.note_end(job)
                self._parser.discard_pages(source)
                continue
            if isinstance(error, Cancelled):
                job.note_cancellation()
            self._batch.fail([job], error)
