"""Ingest a dataset through the job ledger and the ingest workers, like every other document.

Each corpus has a separate workspace, named after its content. A second evaluation reuses it, and an interrupted one
continues where it stopped.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from itertools import islice
from shlex import quote

from db import blobs, documents, jobs, profiles, workers, workspaces
from db.engine import Database
from evaluation.corpus import build_source
from evaluation.datasets import CorpusDocument, Dataset
from pipeline.errors import ProfileNotReady, SetupError
from pipeline.types import EmbeddingProfile
from tasks.submit import Submitter

BATCH = 500
"""Documents per transaction."""
NO_LIMIT = 10_000_000
"""Limit for listing all rows."""
POLL_S = 1.0
WORKER_TIMEOUT_S = 60.0
"""Maximum time without a heartbeat of an ingest worker; a worker may be restarting."""
VECTORS_TIMEOUT_S = 60.0
"""Maximum time without a new vector before waiting for a profile that is not live fails."""

Progress = Callable[[int, int], None]
"""Called with the number of finished documents or vectors and the total."""


def workspace_key(dataset: Dataset, *, chunk_tokens: int, chunk_overlap: int) -> str:
    """Return the key of a corpus's workspace, which depends on its content and the chunking."""
    content = f"{dataset.corpus_sha256} {chunk_tokens} {chunk_overlap}"
    return f"evaluate:{dataset.name[:100]}:{hashlib.sha256(content.encode()).hexdigest()[:12]}"


def open_workspace(database: Database, dataset: Dataset, *, chunk_tokens: int, chunk_overlap: int) -> int:
    """Return the ID of the corpus's workspace; create it on first use."""
    key = workspace_key(dataset, chunk_tokens=chunk_tokens, chunk_overlap=chunk_overlap)
    with database.system() as session:
        return workspaces.ensure_workspace(session, key, dataset.name)


def ingest_dataset(
    dataset: Dataset,
    database: Database,
    submitter: Submitter,
    *,
    workspace_id: int,
    document_ids: frozenset[str],
    max_attempts: int,
    on_progress: Progress,
) -> tuple[str, ...]:
    """Submit the missing documents and wait until all jobs have ended.

    Returns:
        The IDs of the documents that are empty or failed; they count as never found.

    Raises:
        SetupError: No ingest worker is running.
    """
    missing = document_ids - _load_live_sources(database, workspace_id) - _load_open_sources(database, workspace_id)
    if missing:
        documents = (document for document in dataset.documents() if document.id in missing and not document.empty)
        while batch := list(islice(documents, BATCH)):
            _submit(batch, database, submitter, workspace_id, max_attempts)
    _wait(database, workspace_id, len(document_ids), on_progress)
    return tuple(sorted(document_ids - _load_live_sources(database, workspace_id)))


def wait_for_vectors(database: Database, profile: EmbeddingProfile, on_progress: Progress) -> None:
    """Wait until every live chunk has a vector; only profiles that are not live can have a backlog here.

    Raises:
        ProfileNotReady: No vector was added for `VECTORS_TIMEOUT_S`.
    """
    first = before = 0
    moved = time.monotonic()
    while True:
        with database.system() as session:
            missing = profiles.count_missing(session, profile.id)
        if not missing:
            return
        first = max(first, missing)
        if missing != before:
            moved = time.monotonic()
        elif time.monotonic() - moved > VECTORS_TIMEOUT_S:
            raise ProfileNotReady(
                f"The profile {profile.name!r} has no vectors for {missing:,} chunks and makes no progress. Run"
                f" `refdesk profiles build {quote(profile.name)}` to see why."
            )
        before = missing
        on_progress(first - missing, first)
        time.sleep(POLL_S)


def _submit(
    documents: list[CorpusDocument], database: Database, submitter: Submitter, workspace_id: int, max_attempts: int
) -> None:
    sources = [build_source(document) for document in documents]
    with database.tenant(workspace_id) as session:
        hashes = blobs.store_all(session, workspace_id, [source.content for source in sources])
    new: list[jobs.NewJob] = []
    for document, source, sha256 in zip(documents, sources, hashes, strict=True):
        payload = {
            "source": document.id,
            "name": source.name,
            "media_type": source.media_type,
            "sha256": sha256,
            "channels": None,
        }
        new.append(jobs.NewJob(workspace_id, "ingest", payload, requester="evaluate", max_attempts=max_attempts))
    submitter.submit(new)


def _wait(database: Database, workspace_id: int, total: int, on_progress: Progress) -> None:
    worker_seen = time.monotonic()
    while still_open := _count_open(database, workspace_id):
        on_progress(max(0, total - still_open), total)
        if _worker_is_running(database):
            worker_seen = time.monotonic()
        elif time.monotonic() - worker_seen > WORKER_TIMEOUT_S:
            raise SetupError(
                f"{still_open} documents are waiting, but no ingest worker has been running for "
                f"{WORKER_TIMEOUT_S:.0f} seconds. Start one with `refdesk worker ingest` and evaluate again; finished "
                "documents are kept."
            )
        time.sleep(POLL_S)
    on_progress(total, total)


def _worker_is_running(database: Database) -> bool:
    with database.system() as session:
        return workers.count_alive(session, "ingest") > 0


def _count_open(database: Database, workspace_id: int) -> int:
    with database.tenant(workspace_id) as session:
        return jobs.count_open(session)


def _load_live_sources(database: Database, workspace_id: int) -> set[str]:
    with database.tenant(workspace_id) as session:
        return {document.source for document in documents.list_documents(session, limit=NO_LIMIT)}


def _load_open_sources(database: Database, workspace_id: int) -> set[str]:
    with database.tenant(workspace_id) as session:
        listed = jobs.list_jobs(session, states=("queued", "running"), kind="ingest", limit=NO_LIMIT)
        return {str(job.payload["source"]) for job in listed}
