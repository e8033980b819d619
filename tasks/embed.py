"""Embedding as pulled work: claim the next chunks across all documents, embed them at full batch size, switch versions.

A claim waits until it is full, until no more documents are about to bring chunks, or until the oldest chunk has waited
long enough; so ten thousand one-line notes and one thousand-page book both run at full batch size.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence

import structlog

from db import embedding
from pipeline.embed import passage_input
from tasks.lease import Heartbeat
from tasks.runtime import Runtime
from tasks.signs import is_stopping

log = structlog.get_logger(__name__)

MAX_TURN_S = 300.0
"""Longest turn of one task; what is left is taken up by the next document or by the sweeper."""

RETRY_SIZES = (None, 16, 1)
"""Claim sizes by how often the chunks were claimed before: what killed its worker is narrowed down to one chunk."""


def embed_backlog(runtime: Runtime) -> None:
    """Embed what is due, batch by batch."""
    until = time.monotonic() + MAX_TURN_S
    while time.monotonic() < until and not is_stopping() and _embed_batch(runtime):
        pass


def _embed_batch(runtime: Runtime) -> bool:
    settings = runtime.settings
    profile = runtime.parts.ingest.profile
    token = uuid.uuid4()
    with runtime.database.system() as session:
        backlog = embedding.backlog(session, profile.id, settings.embed_claim_size)
        if not backlog.waiting:
            return False
        full = backlog.waiting >= settings.embed_claim_size or backlog.oldest_s >= settings.embed_linger_s
        if not full and embedding.more_is_coming(session):
            return False
        if backlog.attempts >= settings.max_attempts:
            return False
        chunks = embedding.claim_chunks(
            session,
            profile.id,
            token=token,
            attempts=backlog.attempts,
            limit=RETRY_SIZES[min(backlog.attempts, len(RETRY_SIZES) - 1)] or settings.embed_claim_size,
            lease_s=settings.lease_s,
        )
    if chunks:
        _embed_claimed(runtime, token, chunks)
    return bool(chunks)


def _embed_claimed(runtime: Runtime, token: uuid.UUID, chunks: Sequence[embedding.ClaimedChunk]) -> None:
    profile = runtime.parts.ingest.profile
    started = time.monotonic()
    try:
        with Heartbeat(lambda: _renew(runtime, token), runtime.settings.lease_s):
            vectors = runtime.parts.embedder.encode([passage_input(profile, c.headings, c.text) for c in chunks])
    except BaseException:
        with runtime.database.system() as session:
            embedding.release_claim(session, token)
        raise
    with runtime.database.system() as session:
        live = embedding.store_vectors(session, profile.id, token=token, chunks=chunks, vectors=vectors)
    elapsed = time.monotonic() - started
    log.info("embedded", chunks=len(chunks), documents_live=len(live), chunks_per_s=round(len(chunks) / elapsed, 1))


def _renew(runtime: Runtime, token: uuid.UUID) -> None:
    with runtime.database.system() as session:
        embedding.renew_claim(session, token, runtime.settings.lease_s)
