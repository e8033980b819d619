"""Add generated files to a workspace in this process, with the product's parser, chunker and embedding model."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from config.wiring import WorkerParts
from db import blobs, embeddings, jobs, versions
from db.engine import Database
from pipeline.embed import build_passage_input
from pipeline.ingest import prepare_document
from pipeline.types import EmbeddingProfile, Source
from tests.everyday_files.facts import EverydayFile

BATCH = 256


def add_files(
    files: Sequence[EverydayFile], database: Database, workspace_id: int, profile: EmbeddingProfile, parts: WorkerParts
) -> None:
    """Store the files as documents and embed their chunks."""
    for file in files:
        _store(file, database, workspace_id, parts)
    while _embed(database, profile, parts):
        pass


def _store(file: EverydayFile, database: Database, workspace_id: int, parts: WorkerParts) -> None:
    source = Source(file.name, file.content)
    prepared = prepare_document(
        source, parts.ingest, on_stage=lambda _: None, on_page=lambda *_: None, cancelled=lambda: False
    )
    with database.tenant(workspace_id) as session:
        sha256 = blobs.store(session, workspace_id, file.content)
        payload = {"source": file.name, "name": file.name, "sha256": sha256, "channels": None}
        job = jobs.submit(session, jobs.NewJob(workspace_id, "ingest", payload))
    with database.system() as session:
        lease = jobs.claim(session, job, worker="test", stage="parse", lease_s=600)
    assert lease is not None
    version = versions.NewVersion(file.name, bytes.fromhex(sha256), None, prepared.parsed, prepared.chunks)
    with database.tenant(workspace_id) as session:
        versions.store_version(session, lease, version)


def _embed(database: Database, profile: EmbeddingProfile, parts: WorkerParts) -> int:
    token = uuid.uuid4()
    with database.system() as session:
        claimed = embeddings.claim_chunks(
            session, profile.id, worker="test", token=token, attempts=0, limit=BATCH, lease_s=600
        )
    if not claimed:
        return 0
    vectors = parts.embedder.encode([build_passage_input(profile, chunk.headings, chunk.text) for chunk in claimed])
    with database.system() as session:
        embeddings.store_vectors(session, profile, token=token, chunks=claimed, vectors=vectors)
    return len(claimed)
