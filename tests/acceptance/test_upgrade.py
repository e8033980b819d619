"""An upgrade of a store with documents, and with jobs that are queued, running or waiting for vectors."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from sqlalchemy import text

from db.schema import inspect_schema, migrate
from tests.acceptance.conftest import NOTES, Installation

PREVIOUS = "20261129_05"
"""The last schema of the previous release."""
QUESTION = {"question": "Where does the copper lantern hang?", "options": {"reranker": "none"}, "channels": []}

# What the previous release wrote; the statements of this release need its schema.
SUBMIT = """
    INSERT INTO jobs (workspace_id, kind, queue, payload, published_at)
    VALUES (1, :kind, :queue, CAST(:payload AS jsonb), now()) RETURNING id
"""
STORE_BYTES = "INSERT INTO blobs (workspace_id, sha256, content) VALUES (1, :sha256, :content)"
CLAIM = """
    UPDATE jobs
    SET state = 'running', stage = 'parse', attempt = 1, lease_owner = 'old worker', lease_token = gen_random_uuid(),
        lease_since = now(), lease_expires = now() + interval '2 s', started_at = now()
    WHERE id = :job
"""
STORE_VERSION = """
    WITH document AS (
        INSERT INTO documents (workspace_id, source, title) VALUES (1, :source, :source) RETURNING id
    ), version AS (
        INSERT INTO document_versions (workspace_id, document_id, job_id, sha256, title, chunks, terms)
        SELECT 1, document.id, :job, :sha256, :source, 1, t.length FROM document, chunk_terms t WHERE t.chunk_id = 1
        RETURNING id, document_id
    ), chunk AS (
        INSERT INTO chunks (workspace_id, document_id, version_id, ordinal, text, tokens, input_hash)
        SELECT 1, document_id, id, 0, :content, 10, :sha256 FROM version RETURNING id, version_id
    ), terms AS (
        INSERT INTO chunk_terms (chunk_id, workspace_id, version_id, length, terms)
        SELECT chunk.id, 1, chunk.version_id, t.length, t.terms FROM chunk, chunk_terms t WHERE t.chunk_id = 1
    ), queued AS (
        INSERT INTO embedding_queue (profile_id, chunk_id, workspace_id, version_id, claim_token, claim_expires,
                                     attempts)
        SELECT p.id, chunk.id, 1, chunk.version_id, gen_random_uuid(), now() + interval '2 s', 1
        FROM chunk, embedding_profiles p WHERE p.state = 'live'
    )
    UPDATE jobs SET stage = 'embed', lease_token = NULL, lease_expires = NULL, progress_total = 1 WHERE id = :job
"""


class OldRelease:
    """Writes to the store as the previous release did."""

    def __init__(self, library: Installation) -> None:
        self._database = library.database

    def ask(self) -> int:
        return self._submit("ask", "query", QUESTION)

    def ingest(self, source: str) -> int:
        content = self._content(source)
        self._run(STORE_BYTES, sha256=hashlib.sha256(content).digest(), content=content)
        payload = {"source": source, "name": source, "sha256": hashlib.sha256(content).hexdigest(), "channels": None}
        return self._submit("ingest", "ingest", payload)

    def claim(self, job: int) -> None:
        self._run(CLAIM, job=job)

    def store_version(self, job: int, source: str) -> None:
        content = self._content(source)
        sha256 = hashlib.sha256(content).digest()
        self._run(STORE_VERSION, job=job, source=source, content=content.decode(), sha256=sha256)

    def _content(self, source: str) -> bytes:
        return f"{source}: the boat house has a blue door.".encode()

    def _submit(self, kind: str, queue: str, payload: dict[str, Any]) -> int:
        return int(self._run(SUBMIT, kind=kind, queue=queue, payload=json.dumps(payload)).scalar_one())

    def _run(self, statement: str, **values: Any) -> Any:
        with self._database.owner() as session:
            return session.execute(text(statement), values)


def test_upgrade__with_jobs_in_flight(library: Installation):
    url = library.environment["DATABASE_URL"]
    migrate(url, PREVIOUS)
    assert inspect_schema(url).current == PREVIOUS
    old = OldRelease(library)
    queued = [old.ask(), old.ingest("queued.md")]
    running = [old.ask(), old.ingest("running.md")]
    for job in running:
        old.claim(job)
    waiting = old.ingest("waiting.md")
    old.claim(waiting)
    old.store_version(waiting, "waiting.md")

    refused = library.refdesk("ask", "Is the hall open?")
    assert "Run `refdesk migrate`." in refused.stderr.decode()
    migrated = library.refdesk("migrate")
    assert migrated.returncode == 0, migrated.stderr.decode()
    verified = library.refdesk("verify", "--full")
    assert verified.returncode == 0, verified.stdout.decode()
    library.start_workers("query", "ingest")
    for job in (*queued, *running, waiting):
        library.wait_for_state(job, "succeeded")
    assert library.value("SELECT count(*) FROM documents WHERE live_version_id IS NOT NULL") == len(NOTES) + 3
    assert library.value("SELECT count(*) FROM queries WHERE answer LIKE '%north hall%'") == 2
    verified = library.refdesk("verify", "--full", "--grace", "0")
    assert verified.returncode == 0, verified.stdout.decode()
