"""What remains of a deleted document: no text of it in traces, answers, jobs and stored bytes."""

from __future__ import annotations

import hashlib
import os
import time

import pytest

from config import recognised_pages
from config.settings import Settings
from db import blobs, documents, erasure, jobs, traces
from pipeline.backends.documents.recognised_pages import RecognisedPages
from pipeline.errors import Cancelled, DocumentDeleted, UnknownName
from tests.erasure_samples import answer_from, ask, find_damage, find_text, store_answer
from tests.integration.test_store import listed, sweep_now

MARKER = "zebrafinch"


def delete(library, number=1):
    with library.database.tenant(library.workspace) as session:
        return documents.delete_document(session, number)


def test_delete__removes_every_text_of_the_document(library):
    library.add(f"{MARKER}.md", [f"The {MARKER} sings."])
    library.add("other.md", ["The hall costs 5 euros."])
    used = ask(library, answer_from(library, "What sings?", first=1, quote=f"The {MARKER} sings."))
    unused = ask(library, answer_from(library, "What does the hall cost?", first=2, quote="5 euros."))
    said = library.job(used).result["answer"]
    turn = {"question": "What sings?", "answer": said}
    follow_up = ask(
        library,
        answer_from(library, "And when?", first=2, quote="5 euros.", searched_as=f"When does the {MARKER} sing?"),
        conversation=[turn, {"question": "Hi?", "answer": "Hi."}],
    )
    failed = library.submit_bytes(f"{MARKER}.md", b"broken")
    lease = library.claim(failed)
    with library.database.system() as session:
        jobs.fail(session, lease, UnknownName(f"{MARKER}.md cannot be read"))
    library.run(
        f"UPDATE query_candidates SET reason = 'better than the {MARKER}' WHERE document_id = 2 AND query_id = 1"
    )
    places = {place.partition(".")[0] for place in find_text(library.database, MARKER)}
    assert places == {
        "blobs",
        "chunks",
        "document_versions",
        "documents",
        "job_events",
        "jobs",
        "queries",
        "query_candidates",
    }
    delete(library)
    assert find_text(library.database, MARKER) == {}
    assert library.count("blobs") == 1, "the bytes are deleted at once"
    assert library.job(used).result["deleted"] is True
    assert library.job(unused).result["answer"] == "5 euros. [1]"
    assert library.job(follow_up).payload["conversation"] == [{"question": "Hi?", "answer": "Hi."}]
    with library.database.tenant(library.workspace) as session:
        trace, kept = traces.read_trace(session, used), traces.read_trace(session, unused)
        assert trace is not None
        assert kept is not None
        assert [(c.rank, c.title, c.quote) for c in trace.candidates] == [(1, "", None), (2, "Other.Md", None)]
        assert trace.answer == ""
        assert [(c.title, c.quote) for c in kept.candidates] == [("Other.Md", "5 euros."), ("", None)]
    assert find_damage(library.database) == {}


def test_sweeper__deletes_recognised_pages_that_no_retry_needs(library, tmp_path):
    """They are on the disk of the worker's host until their document is stored."""
    settings = Settings(_env_file=None, servers={"home": tmp_path})
    library.submit_bytes("waiting.pdf", b"waiting")
    erased = library.submit_bytes("erased.pdf", b"erased")
    library.run(
        "UPDATE jobs SET state = 'cancelled', finished_at = now(), payload = jsonb_build_object('deleted', true)"
        f" WHERE id = {erased}"
    )
    folder = recognised_pages.find_folder(settings)
    for content in (b"waiting", b"erased", b"being read"):
        RecognisedPages(folder, content).handle({"event": "recognised", "number": 1, "text": MARKER})
    for path in folder.iterdir():
        if hashlib.sha256(b"being read").hexdigest() not in path.name:
            os.utime(path, (0, time.time() - 3600))
    recognised_pages.delete_unneeded(settings, library.database)
    left = {path.name.partition("-")[0] for path in folder.iterdir()}
    assert left == {hashlib.sha256(content).hexdigest() for content in (b"waiting", b"being read")}


def test_delete__keeps_bytes_that_another_document_or_job_needs(library):
    library.add("a", ["same"])
    library.add("b", ["same"])
    delete(library, 1)
    assert library.count("blobs") == 1
    waiting = library.submit_bytes("c", b"same")
    delete(library, 2)
    assert library.count("blobs") == 1
    assert library.job(waiting).state == "queued"


def test_delete__keeps_bytes_that_are_stored_for_a_job_that_is_not_submitted_yet(library):
    library.add("a", ["same"])
    with library.database.tenant(library.workspace) as session:
        blobs.store(session, library.workspace, b"same")
    delete(library)
    assert library.count("blobs") == 1


def test_delete__a_question_in_flight_is_answered_again_without_the_document(library):
    library.add(MARKER, [f"The {MARKER} sings."])
    with library.database.tenant(library.workspace) as session:
        job = jobs.submit(session, jobs.NewJob(library.workspace, "ask", {"question": "What sings?"}))
    lease = library.claim(job)
    answer = answer_from(library, "What sings?", first=1, quote=f"The {MARKER} sings.")
    with library.database.system() as session:
        jobs.report_progress(session, lease, "generate", text=f"The {MARKER} s")
    delete(library)
    with pytest.raises(DocumentDeleted) as raised:
        store_answer(library, lease, answer)
    with library.database.system() as session:
        assert jobs.fail(session, lease, raised.value) == "queued"
    assert find_text(library.database, MARKER) == {}


def test_delete__a_document_in_flight_writes_nothing_afterwards(library):
    library.add(MARKER, ["one"])
    job = library.submit_bytes(MARKER, b"two")
    lease = library.claim(job)
    delete(library)
    with pytest.raises(Cancelled):
        library.store(lease, ["two"])
    with library.database.system() as session:
        jobs.fail(session, lease, UnknownName(f"{MARKER} cannot be read"))
    sweep_now(library)
    assert listed(library) == []
    assert find_text(library.database, MARKER) == {}
    assert library.count("blobs") == 0


def test_retry__of_a_job_whose_document_was_deleted_is_rejected(library):
    library.add("a", ["one"])
    job = library.submit_bytes("a", b"bad")
    lease = library.claim(job)
    with library.database.system() as session:
        jobs.fail(session, lease, UnknownName("a is broken"))
    delete(library)
    with pytest.raises(UnknownName, match="Add it again"), library.database.tenant(library.workspace) as session:
        jobs.retry(session, job)


def test_remains__of_documents_that_an_earlier_version_deleted(library):
    library.add(MARKER, [f"The {MARKER} sings."])
    library.add("other", ["The hall costs 5 euros."])
    ask(library, answer_from(library, "What sings?", first=1, quote=f"The {MARKER} sings."))
    library.run("DELETE FROM documents WHERE id = 1")
    with library.database.system() as session:
        assert erasure.list_deleted_documents(session) == [(library.workspace, 1)]
    with library.database.tenant(library.workspace) as session:
        erasure.erase_deleted_documents(session, library.workspace, [1])
    assert find_text(library.database, MARKER) == {}
    with library.database.system() as session:
        assert erasure.list_deleted_documents(session) == []
