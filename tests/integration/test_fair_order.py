"""The fair order: workspaces take turns, and so do the people of a workspace, for documents, chunks and questions."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from db import blobs, embeddings, job_batches, job_views, jobs
from db.sweep import sweep


def ask(library, requester="", *, workspace=None, count=1):
    """Submit questions and return their IDs."""
    workspace = workspace or library.workspace
    new = [jobs.NewJob(workspace, "ask", {"question": "?"}, requester=requester) for _ in range(count)]
    with library.database.tenant(workspace) as session:
        return jobs.submit_all(session, new)


def add_notes(library, requester="", *, workspace=None, count=1):
    """Submit small documents and return their IDs."""
    workspace = workspace or library.workspace
    with library.database.tenant(workspace) as session:
        sha256 = blobs.store(session, workspace, b"note")
        payloads = [{"source": f"{requester} {n}", "name": "note", "sha256": sha256} for n in range(count)]
        return jobs.submit_all(
            session, [jobs.NewJob(workspace, "ingest", payload, requester=requester) for payload in payloads]
        )


def claim_questions(library, count):
    """Claim the next questions and return their IDs."""
    claimed = []
    for _ in range(count):
        with library.database.system() as session:
            lease = jobs.claim_next(session, "query", worker="w", stage="start", lease_s=60)
        claimed.append(None if lease is None else lease.job_id)
    return claimed


def claim_batch(library):
    """Claim the next batch of documents and return their IDs."""
    with library.database.system() as session:
        return [lease.job_id for lease in job_batches.claim_next(session, worker="w", stage="parse", lease_s=60)]


def count_ahead(library, number, workspace=None):
    with library.database.tenant(workspace or library.workspace) as session:
        return job_views.find_job(session, number).job.ahead


def test_question__of_another_workspace_waits_for_one_question_and_not_for_all(library):
    many = ask(library, "a", count=50)
    (other,) = ask(library, "b", workspace=library.other)
    assert count_ahead(library, other, library.other) == 1
    assert count_ahead(library, many[1]) == 2
    assert claim_questions(library, 4) == [many[0], other, many[1], many[2]]


def test_questions__of_two_workspaces_alternate(library):
    first = ask(library, "a", count=6)
    claim_questions(library, 2)
    second = ask(library, "b", workspace=library.other, count=3)
    assert claim_questions(library, 7) == [first[2], second[0], first[3], second[1], first[4], second[2], first[5]]


def test_question__of_another_person_of_the_workspace_is_next_but_one(library):
    many = ask(library, "a", count=50)
    (one,), (two,) = ask(library, "b"), ask(library, "c")
    assert claim_questions(library, 5) == [many[0], many[1], one, many[2], two]


def test_workspace__with_many_people_has_one_share(library):
    crowd = [ask(library, f"person {n}")[0] for n in range(20)]
    single = ask(library, "a", workspace=library.other, count=5)
    claimed = claim_questions(library, 10)
    assert [number for number in claimed if number in single] == single
    assert [number for number in claimed if number in crowd] == crowd[:5]


def test_person__cannot_overtake_with_many_small_requests(library):
    many = ask(library, "a", count=10)
    claimed = []
    for _ in range(5):
        ask(library, "b", workspace=library.other)
        claimed += claim_questions(library, 2)
    assert [number for number in claimed if number in many] == many[:5]


def test_claim__workers_at_the_same_time_get_different_jobs(library):
    many = ask(library, "a", count=40)
    claimed: list[int | None] = []
    threads = [threading.Thread(target=lambda: claimed.extend(claim_questions(library, 5))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(number for number in claimed if number is not None) == many


def test_claim__skips_what_is_cancelled_and_what_waits_for_a_retry(library):
    cancelled, later, due = ask(library, "a", count=3)
    with library.database.tenant(library.workspace) as session:
        jobs.cancel(session, cancelled)
    library.run(f"UPDATE jobs SET run_after = now() + interval '1 hour' WHERE id = {later}")
    assert claim_questions(library, 2) == [due, None]


def test_job_that_waits_for_a_retry__does_not_move_new_jobs_forward(library):
    many = ask(library, "a", count=20)
    first = claim_questions(library, 10)[0]
    library.run(
        f"UPDATE jobs SET state = 'queued', lease_token = NULL, lease_expires = NULL WHERE id = {first}"
    )  # its second attempt
    second = ask(library, "b", workspace=library.other, count=5)
    assert claim_questions(library, 5) == [first, many[10], second[0], many[11], second[1]]


def test_retry__follows_the_other_jobs_of_its_requester(library):
    failed, *many = ask(library, "a", count=5)
    (other,) = ask(library, "b", workspace=library.other)
    with library.database.tenant(library.workspace) as session:
        jobs.cancel(session, failed)
        jobs.retry(session, failed)
    assert claim_questions(library, 6)[-1] == failed
    assert library.job(failed).state == library.job(other, library.other).state == "running"
    assert library.job(many[0]).state == "running"


def test_queues__have_separate_orders(library):
    add_notes(library, count=30)
    (question,) = ask(library, "a")
    assert library.job(question).virtual_time == 1


def test_note__behind_many_of_another_workspace_is_in_the_second_batch(library):
    many = add_notes(library, "a", count=job_batches.MAX_JOBS + 30)
    (note,) = add_notes(library, "b", workspace=library.other)
    assert claim_batch(library) == many[: job_batches.MAX_JOBS]
    assert claim_batch(library) == [note]
    assert claim_batch(library) == many[job_batches.MAX_JOBS :]
    assert claim_batch(library) == []


def test_note__behind_many_of_another_person_is_the_next_but_one_of_the_batch(library):
    many = add_notes(library, "a", count=job_batches.MAX_JOBS + 30)
    (note,) = add_notes(library, "b")
    # Documents are read in this order, so a new note does not wait for the others of its batch.
    assert claim_batch(library) == [*many[:2], note, *many[2 : job_batches.MAX_JOBS - 1]]


def test_batch__has_no_large_document_and_no_second_attempt(library):
    small = add_notes(library, count=3)
    large = library.submit_bytes("large", b"x" * (job_batches.MAX_BYTES + 1))
    more = add_notes(library, count=2)
    library.run(f"UPDATE jobs SET attempt = 1 WHERE id = {small[1]}")
    assert claim_batch(library) == [small[0], small[2], *more]
    assert claim_batch(library) == [small[1]]
    assert claim_batch(library) == [large]


def test_sweep__publishes_a_released_job_and_a_message_starts_the_next_one(library):
    first, second = ask(library, "a", count=2)
    with library.database.system() as session:
        jobs.mark_published(session, [first, second])
    with library.database.system() as session:
        lease = jobs.claim_next(session, "query", worker="w", stage="start", lease_s=60)
    assert lease is not None
    with library.database.system() as session:
        jobs.release(session, lease)
    with library.database.system() as session:
        swept = sweep(session, messages={"query": 1}, patience_s=0, embed_attempts=3)
    assert swept is not None
    assert swept.to_publish == ((first, "query"),)
    assert claim_questions(library, 2) == [first, second]


@pytest.fixture
def queue_chunks(library):
    """Return a function that stores a document of a person whose chunks wait for vectors."""

    def store(source, texts, requester="", workspace=None):
        job = library.submit_bytes(source, source.encode(), workspace=workspace)
        library.run(f"UPDATE jobs SET requester = '{requester}' WHERE id = {job}")
        library.store(library.claim(job), texts)
        return job

    return store


def claim_chunks(library, limit):
    with library.database.system() as session:
        claimed = embeddings.claim_chunks(
            session, library.profile.id, worker="w", token=uuid.uuid4(), attempts=0, limit=limit, lease_s=60
        )
    return sorted(chunk.text for chunk in claimed)


def test_chunks__of_a_note_are_in_the_next_claim(library, queue_chunks):
    queue_chunks("book", [f"page {n:03}" for n in range(200)], "a")
    queue_chunks("note", ["one note"], "b")
    queue_chunks("foreign", ["foreign 0", "foreign 1", "foreign 2"], "c", library.other)
    assert claim_chunks(library, 8) == [
        *(f"foreign {n}" for n in range(3)),
        "one note",
        *(f"page {n:03}" for n in range(4)),
    ]
    assert claim_chunks(library, 3) == ["page 004", "page 005", "page 006"]


def test_chunks__people_of_one_workspace_do_not_get_more_than_another_workspace(library, queue_chunks):
    for person in "abcd":
        queue_chunks(person, [f"{person} {n}" for n in range(10)], person)
    queue_chunks("z", [f"z {n}" for n in range(10)], "z", library.other)
    assert claim_chunks(library, 8) == ["a 0", "b 0", "c 0", "d 0", "z 0", "z 1", "z 2", "z 3"]


def test_chunks__many_workers_claim_each_chunk_once(library, queue_chunks):
    queue_chunks("book", [f"page {n:03}" for n in range(60)], "a")
    claimed: list[list[str]] = []
    threads = [threading.Thread(target=lambda: claimed.append(claim_chunks(library, 10))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(texts) for texts in claimed) == [10] * 6
    assert len({text for texts in claimed for text in texts}) == 60


@pytest.mark.parametrize(
    ("submit", "claim"), [(ask, lambda library: claim_questions(library, 1)), (add_notes, claim_batch)]
)
def test_job_that_is_being_marked_as_published__is_claimed_with_its_message(library, submit, claim):
    job_ids = submit(library)
    with ThreadPoolExecutor(1) as pool:
        with library.database.system() as publisher:
            jobs.mark_published(publisher, job_ids)
            claimed = pool.submit(claim, library)
            with pytest.raises(TimeoutError):
                claimed.result(timeout=0.2)
        assert claimed.result(timeout=5) == job_ids


def test_job_that_another_worker_claims__is_not_waited_for_afterwards(library):
    (job,) = ask(library)
    with ThreadPoolExecutor(1) as pool:
        with library.database.system() as other:
            jobs.claim(other, job, worker="other", stage="start", lease_s=60)
            claimed = pool.submit(claim_questions, library, 1)
        assert claimed.result(timeout=0.5) == [None]
