"""Retention and the quota of stored bytes on a real database."""

from __future__ import annotations

import pytest

from db import blobs, deliveries, documents, retention
from db import workspace_settings as settings
from pipeline.errors import LibraryFull
from tests.erasure_samples import answer_from, ask

MB = b"x" * blobs.MB


def add_question(library, *, age_days):
    with library.database.tenant(library.workspace) as session:
        key = f"k{library.count('deliveries')}"
        delivery = deliveries.add(
            session, deliveries.NewDelivery(library.workspace, "answer", key, "900", "7", "42", private=True)
        )
    job = ask(library, answer_from(library, "What?", first=1, quote="one"), delivery_id=delivery)
    library.run(f"UPDATE jobs SET requested_at = now() - interval '{age_days} days' WHERE id = {job}")
    library.run(f"UPDATE jobs SET finished_at = requested_at WHERE id = {job}")
    library.run(f"UPDATE deliveries SET state = 'delivered' WHERE id = {delivery}")
    library.run(f"UPDATE deliveries SET created_at = now() - interval '{age_days} days' WHERE id = {delivery}")
    return job


def set_retention(library, **values):
    with library.database.tenant(library.workspace) as session:
        settings.update(session, library.workspace, "42", **values)


def test_retention__deletes_old_questions_and_keeps_documents(library, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    library.add("a", ["one"])
    library.run("UPDATE jobs SET requested_at = '2020-01-01', finished_at = '2020-01-01'")
    old = [add_question(library, age_days=31) for _ in range(5)]
    new = add_question(library, age_days=29)
    assert retention.delete_expired(library.database, 0) == 0, "without a retention, everything is kept"
    assert retention.delete_expired(library.database, 30) == len(old) + 1
    assert library.count("jobs") == library.count("queries") == library.count("deliveries") == 1
    assert library.job(new).state == "succeeded"
    with library.database.tenant(library.workspace) as session:
        assert [document.chunks for document in documents.list_documents(session)] == [1]
        assert documents.read_original(session, 1)[2] == b"one"
        documents.delete_document(session, 1)
    assert library.count("blobs") == 0, "the job of the document is gone, its bytes are known from its version"


@pytest.mark.parametrize(
    ("chosen", "default", "remaining"), [(10, 0, 0), (10, 30, 0), (40, 30, 0), (0, 0, 1), (21, 0, 1)]
)
def test_retention__a_server_can_shorten_but_not_lengthen_it(library, chosen, default, remaining):
    library.add("a", ["one"])
    add_question(library, age_days=20 if chosen < 40 else 35)
    set_retention(library, retention_days=chosen)
    retention.delete_expired(library.database, default)
    assert library.count("queries") == remaining


def test_retention__keeps_open_jobs_and_quarantined_content(library):
    waiting = library.submit_bytes("a", b"1")
    poisoned = library.submit_bytes("b", b"2")
    library.run("UPDATE jobs SET requested_at = '2020-01-01'")
    library.run(f"UPDATE jobs SET state = 'dead', finished_at = '2020-01-01' WHERE id = {poisoned}")
    library.run(f"INSERT INTO quarantine (workspace_id, sha256, job_id, error) VALUES (1, 'x', {poisoned}, '')")
    assert retention.delete_expired(library.database, 1) == 0
    assert library.job(waiting).state == "queued"


def test_library_quota__counts_each_content_once(library):
    with library.database.tenant(library.workspace) as session:
        blobs.require_room(session, library.workspace, MB, 1)
        blobs.store(session, library.workspace, MB)
        blobs.require_room(session, library.workspace, MB, 1)
        blobs.require_room(session, library.workspace, MB + b"y", 0)
        assert blobs.measure(session, library.workspace) == blobs.MB
        with pytest.raises(LibraryFull, match=r"0\.0 MB are needed, 1\.0 of 1 MB are used"):
            blobs.require_room(session, library.workspace, b"y", 1)
        with pytest.raises(LibraryFull):
            blobs.require_room(session, library.workspace, MB + b"y", 3, reserved=blobs.MB)
    with library.database.tenant(library.other) as session:
        blobs.require_room(session, library.other, MB, 1)


def test_library_quota__deleting_a_document_frees_its_bytes(library):
    library.add("a", ["one"])
    with library.database.tenant(library.workspace) as session:
        documents.delete_document(session, 1)
        assert blobs.measure(session, library.workspace) == 0


def test_orphans__bytes_of_a_superseded_version_go_within_the_hour(library):
    library.add("a", ["one"])
    library.add("a", ["two"])
    library.run("UPDATE blobs SET created_at = now() - interval '2 hours'")
    with library.database.system() as session:
        assert blobs.delete_orphans(session) == 1
    failed = library.submit_bytes("b", b"3")
    library.run(f"UPDATE jobs SET state = 'failed', finished_at = now() WHERE id = {failed}")
    library.run("UPDATE blobs SET created_at = now() - interval '2 hours'")
    with library.database.system() as session:
        assert blobs.delete_orphans(session) == 0
