"""The store on a real database: versions, vectors that are kept, poison, deletion, tenants."""

from __future__ import annotations

import uuid

import numpy as np
import pytest

from db import documents, embeddings, jobs, quarantine
from db.sweep import sweep
from pipeline.errors import Cancelled, LeaseLost, Quarantined, UnknownName


def sweep_now(library):
    with library.database.system() as session:
        return sweep(session, patience_s=0, embed_attempts=3)


def listed(library, workspace=None):
    with library.database.tenant(workspace or library.workspace) as session:
        return documents.list_documents(session)


def test_version__is_unseen_until_its_last_vector(library):
    job = library.submit_bytes("a", b"1")
    library.store(library.claim(job), [f"text {n}" for n in range(5)])
    assert listed(library) == []
    assert library.embed(limit=3) == []
    assert listed(library) == []
    assert library.job(job).progress_done == 3
    assert len(library.embed(limit=3)) == 1
    assert [document.source for document in listed(library)] == ["a"]
    assert (library.job(job).state, library.job(job).result["chunks"]) == ("succeeded", 5)


def test_version__the_old_one_answers_until_the_switch_and_then_goes(library):
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


def test_version__two_of_one_document_in_one_batch_end_with_the_later_one(library):
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


def test_version__wholly_unchanged_chunks_go_live_at_once(library):
    library.add("a", ["one"])
    job = library.submit_bytes("a", b"other bytes, same text")
    library.store(library.claim(job), ["one"])
    assert library.count("embedding_queue") == 0
    assert library.job(job).state == "succeeded"


def test_sweep__finishes_a_version_whose_last_vector_came_without_the_switch(library):
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


def test_store__a_second_attempt_replaces_what_the_first_left(library):
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
    for table in ("documents", "document_versions", "chunks", "postings", "embedding_queue"):
        assert library.count(table) == 0, table
    assert library.embed() == []


def test_embedding__expired_claim_is_taken_by_another_and_the_late_one_writes_nothing(library):
    job = library.submit_bytes("a", b"1")
    library.store(library.claim(job), ["one", "two"])
    late = uuid.uuid4()
    with library.database.system() as session:
        claimed = embeddings.claim_chunks(session, library.profile.id, token=late, attempts=0, limit=9, lease_s=0)
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
                session, library.profile.id, token=uuid.uuid4(), attempts=0, limit=4, lease_s=60
            )
    assert len(seen) == len({chunk.chunk_id for chunk in seen}) == 10


def test_embedding__one_claim_spans_documents_and_a_book_does_not_hold_up_a_note(library):
    book = library.submit_bytes("book", b"book")
    library.store(library.claim(book), [f"page {n}" for n in range(200)])
    note = library.submit_bytes("note", b"note")
    library.store(library.claim(note), ["a note"])
    with library.database.system() as session:
        claimed = embeddings.claim_chunks(
            session, library.profile.id, token=uuid.uuid4(), attempts=0, limit=64, lease_s=60
        )
    assert "a note" in {chunk.text for chunk in claimed}
    assert len(claimed) == 64


def test_embedding__chunk_that_kills_workers_makes_its_job_dead(library):
    job = library.submit_bytes("poison", b"poison")
    library.store(library.claim(job), ["poison"])
    for attempts in range(3):
        with library.database.system() as session:
            embeddings.claim_chunks(
                session, library.profile.id, token=uuid.uuid4(), attempts=attempts, limit=9, lease_s=0
            )
    assert sweep_now(library).killed == (job,)
    assert library.job(job).state == "dead"
    assert library.count("documents") == library.count("chunks") == 0
    with pytest.raises(Quarantined, match="quarantined"), library.database.tenant(library.workspace) as session:
        quarantine.require_not_quarantined(session, library.workspace, library.job(job).payload["sha256"])


def test_same_bytes__are_found_for_the_same_source_and_readers_only(library):
    library.add("a", ["one"])
    sha256 = library.job(1).payload["sha256"]

    def found(source, channels=None):
        job = library.submit({"source": source, "name": source, "sha256": sha256, "channels": channels})
        lease = library.claim(job)
        with library.database.tenant(library.workspace) as session:
            same = documents.find_same_bytes(session, lease, sha256)
            jobs.succeed(session, lease, {})
        return same

    assert found("a").source == "a"
    assert found("b") is None, "another source with equal bytes is a document of its own"
    assert found("a", ["7"]) is None


def test_same_bytes__are_no_reason_to_stop_while_something_else_changes_the_document(library):
    library.add("a", ["old"])
    other = library.submit_bytes("a", b"new")
    library.store(library.claim(other), ["new"])
    again = library.submit_bytes("a", b"old")
    lease = library.claim(again)
    with library.database.tenant(library.workspace) as session:
        assert documents.find_same_bytes(session, lease, lease.payload["sha256"]) is None
    library.store(lease, ["old"])
    library.embed()
    with library.database.tenant(library.workspace) as session:
        assert [c.text for c in documents.read_document(session, 1)[1]] == ["old"]


def test_switch__what_was_asked_for_later_wins_whatever_is_done_first(library):
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


def test_switch__a_retry_counts_as_asked_for_anew(library):
    first = library.submit_bytes("a", b"1")
    library.run(f"UPDATE jobs SET state = 'failed' WHERE id = {first}")
    library.add("a", ["second"])
    with library.database.tenant(library.workspace) as session:
        jobs.retry(session, first)
    library.store(library.claim(first), ["first"])
    library.embed()
    with library.database.tenant(library.workspace) as session:
        assert [c.text for c in documents.read_document(session, 1)[1]] == ["first"]


def test_delete__a_rebuild_on_its_way_does_not_bring_the_document_back(library):
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


def test_store__a_cancel_that_nobody_saw_yet_is_seen(library):
    job = library.submit_bytes("a", b"1")
    lease = library.claim(job)
    with library.database.tenant(library.workspace) as session:
        jobs.cancel(session, job)
    with pytest.raises(Cancelled):
        library.store(lease, ["one"])
    assert library.count("documents") == 0


def test_delete__takes_everything_with_it(library):
    library.add("a", ["one", "two"])
    with library.database.tenant(library.workspace) as session:
        assert documents.delete_document(session, listed(library)[0].id) == "A"
    for table in ("documents", "document_versions", "chunks", "postings", "embeddings"):
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
