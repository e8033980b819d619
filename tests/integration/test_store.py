"""Documents on a real database: versions, reused vectors, unembeddable chunks, deletion."""

from __future__ import annotations

import uuid

import numpy as np
import pytest
from sqlalchemy import text

from db import documents, embeddings, jobs, quarantine
from db.sweep import sweep
from pipeline.errors import Cancelled, LeaseLost, UnknownName
from pipeline.types import Unread


def sweep_now(library):
    with library.database.system() as session:
        return sweep(session, patience_s=0, embed_attempts=3)


def listed(library, workspace=None):
    with library.database.tenant(workspace or library.workspace) as session:
        return documents.list_documents(session)


def test_version__is_not_live_until_its_last_vector(library):
    job = library.submit_bytes("a", b"1")
    library.store(library.claim(job), [f"text {n}" for n in range(5)])
    assert listed(library) == []
    assert library.embed(limit=3) == []
    assert listed(library) == []
    assert library.job(job).progress_done == 3
    assert len(library.embed(limit=3)) == 1
    assert [document.source for document in listed(library)] == ["a"]
    assert (library.job(job).state, library.job(job).result["chunks"]) == ("succeeded", 5)


def test_version__old_one_is_live_until_the_switch_and_then_deleted(library):
    library.add("a", ["old one", "shared"])
    job = library.submit_bytes("a", b"new")
    library.store(library.claim(job), ["new one", "shared"])
    with library.database.tenant(library.workspace) as session:
        assert [c.text for c in documents.read_document(session, 1)[1]] == ["old one", "shared"]
    library.embed()
    with library.database.tenant(library.workspace) as session:
        assert [c.text for c in documents.read_document(session, 1)[1]] == ["new one", "shared"]
    assert library.count("document_versions") == 1
    assert library.count("chunks") == library.count("embeddings") == 2


def test_version__of_two_in_one_batch_the_later_one_becomes_live(library):
    first, second = library.submit_bytes("a", b"1"), library.submit_bytes("a", b"2")
    library.store(library.claim(first), ["first"])
    library.store(library.claim(second), ["second"])
    library.embed()
    assert [library.job(job).state for job in (first, second)] == ["succeeded", "succeeded"]
    with library.database.tenant(library.workspace) as session:
        assert [c.text for c in documents.read_document(session, 1)[1]] == ["second"]
    assert library.count("document_versions") == library.count("chunks") == 1


def test_version__unchanged_chunks_keep_their_vectors(library):
    library.add("a", ["one", "two", "three"])
    job = library.submit_bytes("a", b"new")
    library.store(library.claim(job), ["one", "two", "four"])
    assert library.count("embedding_queue") == 1
    assert library.job(job).progress_done == 2


def test_version__with_only_unchanged_chunks_becomes_live_at_once(library):
    library.add("a", ["one"])
    job = library.submit_bytes("a", b"other bytes, same text")
    library.store(library.claim(job), ["one"])
    assert library.count("embedding_queue") == 0
    assert library.job(job).state == "succeeded"


def test_sweep__switches_a_version_that_is_complete_but_not_live(library):
    job = library.submit_bytes("a", b"1")
    library.store(library.claim(job), ["one"])
    library.run("DELETE FROM embedding_queue")
    assert len(sweep_now(library).completed) == 1
    assert library.job(job).state == "succeeded"


def test_store__fenced_by_the_lease(library):
    job = library.submit_bytes("a", b"1")
    old = library.claim(job, lease_s=0)
    sweep_now(library)
    with pytest.raises(LeaseLost):
        library.store(old, ["late"])
    assert library.count("documents") == library.count("chunks") == 0


def test_store__second_attempt_replaces_the_rows_of_the_first(library):
    job = library.submit_bytes("a", b"1")
    library.store(library.claim(job), ["one", "two"])
    library.run(f"UPDATE jobs SET state = 'queued', stage = '' WHERE id = {job}")
    library.store(library.claim(job), ["one", "two"])
    library.embed()
    assert library.count("chunks") == library.count("embeddings") == 2
    assert library.count("document_versions") == 1


def test_store__failed_job_leaves_nothing(library):
    job = library.submit_bytes("a", b"1")
    library.store(library.claim(job), ["one"])
    with library.database.tenant(library.workspace) as session:
        jobs.cancel(session, job)
    for table in ("documents", "document_versions", "chunks", "chunk_terms", "embedding_queue"):
        assert library.count(table) == 0, table
    assert library.embed() == []


def test_embedding__expired_claim_is_taken_over_and_the_late_worker_writes_nothing(library):
    job = library.submit_bytes("a", b"1")
    library.store(library.claim(job), ["one", "two"])
    late = uuid.uuid4()
    with library.database.system() as session:
        claimed = embeddings.claim_chunks(
            session, library.profile.id, worker="w", token=late, attempts=0, limit=9, lease_s=0
        )
    assert len(library.embed(attempts=1)) == 1
    with library.database.system() as session:
        embeddings.store_vectors(
            session, library.profile, token=late, chunks=claimed, vectors=np.ones((2, 8), dtype=np.float32)
        )
    assert library.count("embeddings") == 2
    assert library.job(job).state == "succeeded"


def test_embedding__claims_do_not_overlap(library):
    job = library.submit_bytes("a", b"1")
    library.store(library.claim(job), [f"text {n}" for n in range(10)])
    seen = []
    for _ in range(3):
        with library.database.system() as session:
            seen += embeddings.claim_chunks(
                session, library.profile.id, worker="w", token=uuid.uuid4(), attempts=0, limit=4, lease_s=60
            )
    assert len(seen) == len({chunk.chunk_id for chunk in seen}) == 10


def test_embedding__one_claim_spans_documents_and_long_ones_do_not_delay_short_ones(library):
    book = library.submit_bytes("book", b"book")
    library.store(library.claim(book), [f"page {n}" for n in range(200)])
    note = library.submit_bytes("note", b"note")
    library.store(library.claim(note), ["a note"])
    with library.database.system() as session:
        claimed = embeddings.claim_chunks(
            session, library.profile.id, worker="w", token=uuid.uuid4(), attempts=0, limit=64, lease_s=60
        )
    assert "a note" in {chunk.text for chunk in claimed}
    assert len(claimed) == 64


def test_embedding__chunk_that_kills_workers_makes_its_job_dead(library):
    job = library.submit_bytes("poison", b"poison")
    library.store(library.claim(job), ["poison"])
    for attempts in range(3):
        with library.database.system() as session:
            embeddings.claim_chunks(
                session, library.profile.id, worker="w", token=uuid.uuid4(), attempts=attempts, limit=9, lease_s=0
            )
    assert sweep_now(library).killed == (job,)
    assert library.job(job).state == "dead"
    assert library.count("documents") == library.count("chunks") == 0
    sha256 = library.job(job).payload["sha256"]
    with library.database.tenant(library.workspace) as session:
        found = quarantine.find(session, library.workspace, [sha256, "00" * 32])
    assert list(found) == [sha256]
    assert "quarantined" in str(found[sha256])


def test_same_bytes__are_found_for_the_same_source_and_scope_only(library):
    library.add("a", ["one"])
    sha256 = library.job(1).payload["sha256"]

    def found(source, channels=None):
        job = library.submit({"source": source, "name": source, "sha256": sha256, "channels": channels})
        lease = library.claim(job)
        with library.database.tenant(library.workspace) as session:
            same = documents.find_same_bytes(session, library.workspace, [(lease, sha256)])
            jobs.succeed(session, lease, {})
        return same.get(job)

    assert found("a").source == "a"
    assert found("b") is None, "another source with equal bytes is a document of its own"
    assert found("a", ["7"]) is None


def test_same_bytes__are_ignored_while_another_job_changes_the_document(library):
    library.add("a", ["old"])
    other = library.submit_bytes("a", b"new")
    library.store(library.claim(other), ["new"])
    again = library.submit_bytes("a", b"old")
    lease = library.claim(again)
    with library.database.tenant(library.workspace) as session:
        assert documents.find_same_bytes(session, library.workspace, [(lease, lease.payload["sha256"])]) == {}
    library.store(lease, ["old"])
    library.embed()
    with library.database.tenant(library.workspace) as session:
        assert [c.text for c in documents.read_document(session, 1)[1]] == ["old"]


def test_switch__later_request_wins_in_any_order_of_completion(library):
    first = library.submit_bytes("a", b"1")
    second = library.submit_bytes("a", b"2", channels=["7"])
    late = library.claim(first)
    library.store(library.claim(second), ["second"])
    library.embed()
    library.store(late, ["first"])
    library.embed()
    with library.database.tenant(library.workspace) as session:
        summary, chunks = documents.read_document(session, 1)
    assert ([c.text for c in chunks], summary.channels) == (["second"], ["7"])
    assert library.job(first).result["overtaken"] is True
    assert library.count("document_versions") == 1


def test_switch__retry_counts_as_a_new_request(library):
    first = library.submit_bytes("a", b"1")
    library.run(f"UPDATE jobs SET state = 'failed' WHERE id = {first}")
    library.add("a", ["second"])
    with library.database.tenant(library.workspace) as session:
        jobs.retry(session, first)
    library.store(library.claim(first), ["first"])
    library.embed()
    with library.database.tenant(library.workspace) as session:
        assert [c.text for c in documents.read_document(session, 1)[1]] == ["first"]


def test_delete__open_ingest_job_does_not_add_the_document_again(library):
    library.add("a", ["one"])
    embedding_now = library.submit_bytes("a", b"2")
    library.store(library.claim(embedding_now), ["two"])
    queued = library.submit_bytes("a", b"3")
    with library.database.tenant(library.workspace) as session:
        documents.delete_document(session, 1)
    sweep_now(library)
    library.embed()
    assert listed(library) == []
    assert [library.job(job).state for job in (embedding_now, queued)] == ["cancelled", "cancelled"]


def test_store__honours_a_pending_cancellation_request(library):
    job = library.submit_bytes("a", b"1")
    lease = library.claim(job)
    with library.database.tenant(library.workspace) as session:
        jobs.cancel(session, job)
    with pytest.raises(Cancelled):
        library.store(lease, ["one"])
    assert library.count("documents") == 0


def test_delete__removes_all_rows_of_the_document(library):
    library.add("a", ["one", "two"])
    with library.database.tenant(library.workspace) as session:
        assert documents.delete_document(session, listed(library)[0].id) == "A"
    for table in ("documents", "document_versions", "chunks", "chunk_terms", "embeddings"):
        assert library.count(table) == 0, table
    with pytest.raises(UnknownName), library.database.tenant(library.workspace) as session:
        documents.delete_document(session, 1)


def test_text__nul_and_quotes_and_chinese_survive(library):
    library.add("a", ['say "hi" \\ back', "中文，标点", "emoji 🙂"])
    with library.database.tenant(library.workspace) as session:
        assert [c.text for c in documents.read_document(session, 1)[1]] == [
            'say "hi" \\ back',
            "中文，标点",
            "emoji 🙂",
        ]


def test_unread_parts_and_confidence__are_in_the_result_the_document_and_the_views(library):
    unread = [Unread("pages_without_text", 3, 4, "2-4"), Unread("attachments", 1, None, "a.zip")]
    job = library.submit_bytes("scan.pdf", b"1")
    library.store(library.claim(job), ["recognised text"], unread=unread, confidence=0.75)
    library.embed()
    assert library.job(job).result["unread"][0] == {
        "kind": "pages_without_text",
        "count": 3,
        "total": 4,
        "where": "2-4",
    }
    (document,) = listed(library)
    assert document.unread == tuple(unread)
    with library.database.tenant(library.workspace) as session:
        assert [c.confidence for c in documents.read_document(session, document.id)[1]] == [0.75]
        row = session.execute(text("SELECT unread -> 1 ->> 'where' AS place FROM inspect.documents")).one()
        assert row.place == "a.zip"
        assert session.scalar(text("SELECT confidence FROM inspect.chunks")) == 0.75


def test_sample_texts__are_spread_over_the_store(library):
    with library.database.system() as session:
        assert documents.sample_texts(session) == []
    for name in ("a", "b"):
        library.add(name, [f"{name} {n}" for n in range(10)])
    with library.database.system() as session:
        found = documents.sample_texts(session, 4)
    assert len(found) == 4
    assert {text[0] for text in found} == {"a", "b"}
