"""`refdesk verify` and `refdesk repair`: each kind of damage is found, repaired if possible, and not found again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from sqlalchemy import text

from db import repair, verify
from db.keyword_segments import index_changes
from tests.integration.conftest import Library

ANSWERED = """
    INSERT INTO deliveries (workspace_id, request_key, kind, application_id, channel_id, user_id, message_id, state,
                            delivered_at)
    VALUES (1, 'one', 'answer', '1', '2', '3', '4', 'delivered', now());
    INSERT INTO jobs (workspace_id, kind, queue, state, attempt, result, finished_at, delivery_id, delivered_at)
    VALUES (1, 'ask', 'query', 'succeeded', 1, '{"answer": "a"}', now(), 1, now());
    INSERT INTO queries (workspace_id, job_id, question, recall, top_n, top_k, reranker_asked, reranker, plan,
                         rows_asked, rows_returned, answer, abstained, answer_model, cost_usd)
    SELECT 1, max(id), 'q', 'hybrid', 1, 1, 'none', 'none', 'exact', 1, 1, 'a', false, 'm', 0.5 FROM jobs;
    INSERT INTO workers (id, role, queues, host, pid, started_at)
    VALUES ('alive', 'ingest', '{ingest}', 'h', 1, now() - interval '2 days')
"""
LEASE = """
    UPDATE jobs SET state = 'running', stage = 'parse', finished_at = NULL, lease_owner = '{}',
        lease_token = gen_random_uuid(), lease_since = now() - interval '1 minute',
        lease_expires = now() + interval '{}'
    WHERE id = 1
"""

DAMAGES = {
    "ended without a reason": ("UPDATE jobs SET state = 'failed', result = NULL WHERE id = 1", {"job-states"}),
    "ended without a result": ("UPDATE jobs SET result = NULL WHERE id = 1", {"job-states"}),
    "running without a lease": (
        "UPDATE jobs SET state = 'running', stage = 'parse', finished_at = NULL WHERE id = 1",
        {"job-states"},
    ),
    "event missing": ("DELETE FROM job_events WHERE job_id = 1", {"job-events"}),
    "lease not ended by the sweeper": (LEASE.format("alive", "-1 second"), {"expired-leases"}),
    "lease of an unknown worker": (LEASE.format("gone", "1 minute"), {"lease-owners"}),
    "claim not ended": (
        """
        DELETE FROM embeddings WHERE chunk_id = 1;
        INSERT INTO embedding_queue (profile_id, chunk_id, workspace_id, version_id, claim_token, claim_expires)
        VALUES (1, 1, 1, 1, gen_random_uuid(), now() - interval '1 second')
        """,
        {"chunk-claims"},
    ),
    "claim of an unknown worker": (
        """
        DELETE FROM embeddings WHERE chunk_id = 1;
        INSERT INTO embedding_queue (profile_id, chunk_id, workspace_id, version_id, claim_token, claim_owner,
                                     claim_expires)
        VALUES (1, 1, 1, 1, gen_random_uuid(), 'gone', now() + interval '1 minute')
        """,
        {"chunk-claims"},
    ),
    "version not made live": (
        "UPDATE jobs SET state = 'running', stage = 'embed', finished_at = NULL WHERE id = 1",
        {"waiting-documents"},
    ),
    "document without a version": (
        "INSERT INTO documents (workspace_id, source, title) VALUES (1, 'empty', 'empty')",
        {"documents"},
    ),
    "version of no job": (
        "INSERT INTO document_versions (workspace_id, document_id, sha256, title) VALUES (1, 1, '', 't')",
        {"versions"},
    ),
    "chunk deleted": ("DELETE FROM chunks WHERE id = 1", {"chunks", "chunk-terms", "vectors"}),
    "terms deleted": (
        "DELETE FROM chunk_terms WHERE chunk_id = 1",
        {"chunks", "keyword-statistics", "keyword-postings"},
    ),
    "terms of no chunk": (
        "INSERT INTO chunk_terms (chunk_id, workspace_id, version_id, length, terms) VALUES (999, 1, 1, 0, '')",
        {"chunk-terms", "keyword-statistics"},
    ),
    "size of a document": ("UPDATE documents SET live_chunks = 7 WHERE id = 1", {"live-versions"}),
    "scope of a version": (
        "UPDATE document_versions SET scope_id = NULL WHERE id = 1",
        {"live-versions", "vectors", "keyword-statistics", "keyword-postings"},
    ),
    "scope of a vector": ("UPDATE embeddings SET scope_id = NULL WHERE chunk_id = 1", {"vectors"}),
    "vector of no chunk": (
        """
        INSERT INTO embeddings (profile_id, chunk_id, workspace_id, version_id, vector)
        SELECT profile_id, 999, workspace_id, version_id, vector FROM embeddings WHERE chunk_id = 1
        """,
        {"vectors"},
    ),
    "vector deleted": ("DELETE FROM embeddings WHERE chunk_id = 1", {"missing-vectors"}),
    "queued although embedded": (
        "INSERT INTO embedding_queue (profile_id, chunk_id, workspace_id, version_id) VALUES (1, 1, 1, 1)",
        {"embedding-queue"},
    ),
    "tail lost": ("DELETE FROM keyword_changes", {"keyword-statistics", "keyword-postings"}),
    "tail counted twice": (
        """
        INSERT INTO keyword_changes (workspace_id, chunk_id, scope_id, change, length, terms)
        SELECT workspace_id, chunk_id, scope_id, change, length, terms FROM keyword_changes
        """,
        {"keyword-statistics", "keyword-postings"},
    ),
    "terms of the tail": (
        "UPDATE keyword_changes SET terms = set_byte(terms, 3, get_byte(terms, 3) # 1) WHERE chunk_id = 1",
        {"keyword-postings"},
    ),
    "bytes that nothing needs": (
        """
        INSERT INTO blobs (workspace_id, sha256, content, created_at)
        VALUES (1, sha256('x'), 'x', now() - interval '9 days')
        """,
        {"orphan-blobs"},
    ),
    "delivered job not marked": ("UPDATE jobs SET delivered_at = NULL WHERE delivery_id = 1", {"deliveries"}),
    "delivery without jobs": (
        """
        INSERT INTO deliveries (workspace_id, request_key, kind, application_id, channel_id, user_id)
        VALUES (1, 'x', 'answer', '1', '2', '3')
        """,
        {"orphan-deliveries"},
    ),
}
UNREPAIRABLE = {
    "answer without a trace": ("DELETE FROM queries", {"results"}),
    "trace with another answer": ("UPDATE queries SET answer = 'b'", {"results"}),
    "bytes lost": ("DELETE FROM blobs", {"blobs"}),
    "bytes changed": ("UPDATE blobs SET content = 'other'", {"blob-contents"}),
    "message of two deliveries": (
        """
        INSERT INTO deliveries (workspace_id, request_key, kind, application_id, channel_id, user_id, message_id, state)
        VALUES (1, 'two', 'answer', '1', '2', '3', '4', 'undeliverable')
        """,
        {"messages"},
    ),
    "negative cost": ("UPDATE queries SET cost_usd = -1", {"spending"}),
    "chunk of another workspace": ("UPDATE chunks SET workspace_id = 2 WHERE id = 1", {"workspaces", "vectors"}),
    "job of another workspace": ("UPDATE jobs SET workspace_id = 2 WHERE id = 1", {"workspaces"}),
}


@pytest.fixture
def store(library: Library) -> Library:
    library.add("hall", ["The hall opens at nine.", "The hall closes at six."])
    library.add("gate", ["The gate is locked."], channels=["c"])
    library.run(ANSWERED)
    return library


def find(library: Library) -> dict[str, list[str]]:
    results = verify.verify(library.database, grace_s=0, full=True)
    return {each.invariant.label: [finding.detail for finding in each.findings] for each in results if each.findings}


def damage(library: Library, statements: str) -> None:
    """Run statements without triggers and foreign keys."""
    with library.database.owner() as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text(statements.replace(":", "\\:")))


def test_undamaged_store__no_findings(store: Library):
    assert find(store) == {}
    assert repair.plan(store.database, grace_s=0, full=True) == []


@pytest.mark.parametrize("name", DAMAGES)
def test_damage__is_found_and_repaired(store: Library, name: str):
    statements, expected = DAMAGES[name]
    damage(store, statements)
    found = find(store)
    assert set(found) >= expected, found
    assert {each.invariant.label for each in repair.plan(store.database, grace_s=0, full=True)} >= expected
    assert find(store) == found  # planning changes nothing
    assert all(each.action for each in repair.repair(store.database, grace_s=0, full=True))
    assert find(store) == {}
    assert repair.repair(store.database, grace_s=0, full=True) == []


@pytest.mark.parametrize("name", UNREPAIRABLE)
def test_damage_without_a_safe_repair__remains_a_finding(store: Library, name: str):
    statements, expected = UNREPAIRABLE[name]
    damage(store, statements)
    found = find(store)
    assert set(found) >= expected, found
    repair.repair(store.database, grace_s=0, full=True)
    assert expected - {"vectors"} <= set(find(store))


def test_damaged_document__is_added_again_from_its_bytes(store: Library):
    damage(store, "DELETE FROM chunks WHERE id = 1")
    repair.repair(store.database, grace_s=0)
    job = store.count("jobs")
    lease = store.claim(job)
    assert lease is not None
    assert lease.payload["sha256"] == hashlib.sha256(b"The hall opens at nine.\nThe hall closes at six.").hexdigest()
    store.store(lease, ["The hall opens at nine.", "The hall closes at six."])
    store.embed()
    assert store.job(job).state == "succeeded"
    assert store.count("chunks") == 3
    assert find(store) == {}


def test_missing_vector__is_embedded_again(store: Library):
    damage(store, "DELETE FROM embeddings WHERE chunk_id = 1")
    repair.repair(store.database, grace_s=0)
    store.embed()
    assert store.count("embeddings") == 3
    assert find(store) == {}


@pytest.fixture
def many(library: Library) -> Callable[[], None]:
    """Fill the keyword index until segments are built."""

    def add() -> None:
        for number in range(5):
            library.add(f"d{number}", [f"word{n} lantern hall{n % 7} d{number}" for n in range(300)])
            index_changes(library.database)

    return add


def test_segments__agree_with_the_terms_and_are_rebuilt(library: Library, many):
    many()
    assert library.count("keyword_blocks") > 0
    assert find(library) == {}
    damage(library, "DELETE FROM keyword_blocks WHERE block = 1")
    assert set(find(library)) == {"keyword-postings"}
    repair.repair(library.database, grace_s=0, full=True)
    assert find(library) == {}
    assert library.count("keyword_changes") < 1500  # the repair has built segments again


def test_work_in_progress__is_not_a_finding(store: Library):
    assert store.claim(store.submit_bytes("new", b"x")) is not None
    lease = store.claim(store.submit_bytes("next", b"y"), lease_s=-1)  # expired, and the sweeper has not run yet
    assert lease is not None
    job = store.submit_bytes("stored", b"z")
    stored = store.claim(job)
    assert stored is not None
    store.store(stored, ["Waits for its vectors."])
    results = verify.verify(store.database, grace_s=60, full=True)
    assert [each for each in results if each.findings] == []
