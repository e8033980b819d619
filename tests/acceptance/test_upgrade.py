"""An upgrade of a store with documents, and with jobs that are queued, running or waiting for vectors."""

from __future__ import annotations

import hashlib

from sqlalchemy import text

from db import blobs, jobs, versions
from db.schema import inspect_schema, migrate
from pipeline.ingest import prepare_chunks
from pipeline.types import Chunk, ParsedDocument
from tests.acceptance.conftest import NOTES, Installation

PREVIOUS = "20261129_05"
"""The last schema of the previous release."""
TEXT = "The boat house has a blue door."
QUESTION = {"question": "Where does the copper lantern hang?", "options": {"reranker": "none"}}


def submit_document(library: Installation, source: str) -> int:
    content = f"{source}: {TEXT}".encode()
    with library.database.tenant(1) as session:
        sha256 = blobs.store(session, 1, content)
    return library.submit("ingest", {"source": source, "name": source, "sha256": sha256, "channels": None})


def claim(library: Installation, job: int, lease_s: float) -> jobs.Lease:
    with library.database.system() as session:
        lease = jobs.claim(session, job, worker="worker of the previous release", stage="parse", lease_s=lease_s)
    assert lease is not None
    return lease


def test_upgrade__with_jobs_in_flight(library: Installation):
    url = library.environment["DATABASE_URL"]
    migrate(url, PREVIOUS)
    assert inspect_schema(url).current == PREVIOUS

    queued = [library.submit("ask", QUESTION), submit_document(library, "queued.md")]
    running = [library.submit("ask", QUESTION), submit_document(library, "running.md")]
    for job in running:
        claim(library, job, lease_s=2)
    waiting = submit_document(library, "waiting.md")
    lease = claim(library, waiting, lease_s=2)
    content = f"waiting.md: {TEXT}"
    version = versions.NewVersion(
        "waiting.md",
        hashlib.sha256(content.encode()).digest(),
        None,
        ParsedDocument("waiting.md", "text/markdown", ()),
        prepare_chunks([Chunk(0, content, tokens=10)]),
    )
    with library.database.tenant(1) as session:
        versions.store_version(session, lease, version)
    with library.database.owner() as session:
        session.execute(
            text("UPDATE embedding_queue SET claim_token = gen_random_uuid(), claim_expires = now() + interval '2 s'")
        )

    refused = library.refdesk("ask", "Is the hall open?")
    assert "Run `refdesk migrate`." in refused.stderr.decode()
    migrated = library.refdesk("migrate")
    assert migrated.returncode == 0, migrated.stderr.decode()
    assert library.refdesk("verify", "--full").returncode == 0
    library.start_workers("query", "ingest")
    for job in (*queued, *running, waiting):
        library.wait_for_state(job, "succeeded")
    assert library.value("SELECT count(*) FROM documents WHERE live_version_id IS NOT NULL") == len(NOTES) + 3
    assert library.value("SELECT count(*) FROM queries WHERE answer LIKE '%north hall%'") == 2
    verified = library.refdesk("verify", "--full", "--grace", "0")
    assert verified.returncode == 0, verified.stdout.decode()
