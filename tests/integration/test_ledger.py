"""The ledger on a real database: leases, fences, attempts, the sweeper, cancel and retry."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from db import jobs, workers
from db.job_batches import MAX_JOBS
from db.sweep import sweep
from db.workers import WorkerStatus
from pipeline.errors import LeaseLost, ParserCrashed, UnknownName, UnreadableFile

HELD = "state = 'running', lease_owner = 'w1', lease_token = gen_random_uuid()"


def sweep_now(library, *, messages: dict[str, int] | None = None, patience_s: float = 0):
    with library.database.system() as session:
        return sweep(session, messages=messages, patience_s=patience_s, embed_attempts=3)


def test_submit__same_request_key_returns_the_same_job(library):
    first = library.submit(request_key="interaction:1")
    assert library.submit(request_key="interaction:1") == first
    assert library.submit(request_key="interaction:2") != first
    assert library.submit(request_key="interaction:1", workspace=library.other) != first


def test_claim__only_one_of_many_workers_gets_it(library):
    job = library.submit()
    leases = []
    threads = [threading.Thread(target=lambda: leases.append(library.claim(job))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(lease is not None for lease in leases) == 1
    assert library.job(job).attempt == 1


def test_fence__a_worker_that_lost_its_lease_changes_nothing(library):
    job = library.submit()
    old = library.claim(job, lease_s=0)
    sweep_now(library)
    new = library.claim(job)
    assert new is not None
    with pytest.raises(LeaseLost), library.database.system() as session:
        jobs.succeed(session, old, {"by": "old"})
    with pytest.raises(LeaseLost), library.database.system() as session:
        jobs.report_progress(session, old, "parse")
    with pytest.raises(LeaseLost), library.database.system() as session:
        jobs.renew(session, old, 60)
    with library.database.system() as session:
        jobs.succeed(session, new, {"by": "new"})
    assert library.job(job).result == {"by": "new"}


def test_sweep__expired_lease_is_queued_again_then_dead_and_quarantined(library):
    job = library.submit_bytes("poison", b"poison")
    for attempt in (1, 2):
        library.claim(job, lease_s=0)
        assert sweep_now(library).expired == (job,)
        assert (library.job(job).state, library.job(job).attempt) == ("queued", attempt)
    library.claim(job, lease_s=0)
    sweep_now(library)
    dead = library.job(job)
    assert (dead.state, dead.error_class) == ("dead", "WorkerLost")
    assert library.count("quarantine") == 1
    with library.database.tenant(library.workspace) as session:
        jobs.retry(session, job)
    assert library.count("quarantine") == 0
    assert (library.job(job).state, library.job(job).attempt) == ("queued", 0)


def test_sweep__valid_lease_is_unchanged(library):
    job = library.submit()
    library.claim(job, lease_s=60)
    assert sweep_now(library).expired == ()


def test_sweep__unpublished_jobs_are_published_and_lost_messages_again(library):
    job = library.submit()
    assert sweep_now(library).to_publish == ((job, "ingest"),)
    with library.database.system() as session:
        jobs.mark_published(session, [job])
    assert sweep_now(library).to_publish == ()
    assert sweep_now(library, messages={"query": 0}).to_publish == ()
    assert sweep_now(library, messages={"ingest": 0}, patience_s=3600).to_publish == ()
    assert sweep_now(library, messages={"ingest": 0}).to_publish == ((job, "ingest"),)


def test_sweep__one_at_a_time(library):
    with library.database.system() as session:
        assert sweep(session, patience_s=0, embed_attempts=3) is not None
        assert sweep_now(library) is None


def test_fail__invalid_input_fails_at_once_and_a_crash_is_retried_later(library):
    bad, unlucky = library.submit(), library.submit()
    with library.database.system() as session:
        assert jobs.fail(session, library.claim(bad), UnreadableFile("a.pdf is damaged.")) == "failed"
    with library.database.system() as session:
        assert jobs.fail(session, library.claim(unlucky), RuntimeError("boom")) == "queued"
    assert library.job(bad).error == "a.pdf is damaged."
    assert library.claim(unlucky) is None, "it waits before the next attempt"


def test_fail__text_with_nul_is_stored(library):
    job = library.submit()
    with library.database.system() as session:
        jobs.fail(session, library.claim(job), ParserCrashed("died\x00here"))
    assert library.job(job).error == "diedhere"


def test_release__does_not_count_as_an_attempt(library):
    job = library.submit()
    with library.database.system() as session:
        jobs.release(session, library.claim(job))
    assert (library.job(job).state, library.job(job).attempt) == ("queued", 0)


def test_cancel__queued_job_ends_at_once_and_running_job_gets_a_request(library):
    queued, running = library.submit(), library.submit()
    lease = library.claim(running)
    with library.database.tenant(library.workspace) as session:
        assert jobs.cancel(session, queued) == "cancelled"
        assert jobs.cancel(session, running) == "running"
    with library.database.system() as session:
        assert jobs.renew(session, lease, 60) is True
        jobs.mark_cancelled(session, lease)
    assert library.job(running).state == "cancelled"
    with pytest.raises(UnknownName, match="can be cancelled"), library.database.tenant(library.workspace) as session:
        jobs.cancel(session, queued)


def test_cancel__running_job_whose_worker_died_is_cancelled_by_the_sweeper(library):
    job = library.submit()
    library.claim(job, lease_s=0)
    with library.database.tenant(library.workspace) as session:
        jobs.cancel(session, job)
    sweep_now(library)
    assert library.job(job).state == "cancelled"


def test_cancel__then_an_error_or_a_stopping_worker_ends_cancelled(library):
    failing, stopping = library.submit(), library.submit()
    leases = library.claim(failing), library.claim(stopping)
    with library.database.tenant(library.workspace) as session:
        jobs.cancel(session, failing)
        jobs.cancel(session, stopping)
    with library.database.system() as session:
        assert jobs.fail(session, leases[0], RuntimeError("boom")) == "cancelled"
        jobs.release(session, leases[1])
    assert library.job(stopping).state == "cancelled"


def test_sweep__more_old_jobs_than_messages_publish_the_rest(library):
    first, second, new = (library.submit() for _ in range(3))
    library.run(f"UPDATE jobs SET queue = 'query', published_at = now() - interval '1 hour' WHERE id <> {new}")
    library.run(f"UPDATE jobs SET queue = 'query', published_at = now() WHERE id = {new}")
    for messages, missing in ((0, (first, second)), (1, (second,)), (2, ()), (3, ())):
        swept = sweep_now(library, messages={"query": messages}, patience_s=60)
        assert swept.to_publish == tuple((job, "query") for job in missing), messages
    assert sweep_now(library, patience_s=60).to_publish == (), "no messages could be counted"


def test_sweep__one_message_starts_many_ingest_jobs(library):
    for _ in range(MAX_JOBS + 1):
        last = library.submit()
    library.run("UPDATE jobs SET published_at = now() - interval '1 hour'")
    assert sweep_now(library, messages={"ingest": 2}, patience_s=60).to_publish == ()
    assert sweep_now(library, messages={"ingest": 1}, patience_s=60).to_publish == ((last, "ingest"),)


def test_retry__rejects_open_jobs(library):
    job = library.submit()
    refused = pytest.raises(UnknownName, match="only failed, dead and cancelled")
    with refused, library.database.tenant(library.workspace) as session:
        jobs.retry(session, job)


def test_events__every_change_has_one(library):
    job = library.submit()
    lease = library.claim(job)
    with library.database.system() as session:
        jobs.report_progress(session, lease, "parse")
        jobs.succeed(session, lease, {})
    with library.database.tenant(library.workspace) as session:
        seen = [(event.state, event.stage) for event in jobs.list_events(session, job)]
    assert seen == [("queued", ""), ("running", "start"), ("running", "parse"), ("succeeded", "done")]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("state = 'queued'", "Waiting for a worker (no ingest worker is running"),
        ("run_after = now() + interval '1 hour'", "Rate limited until"),
        ("run_after = now() + interval '1 hour', error_class = 'E', error = 'e'", "Waiting to retry at"),
        ("state = 'failed', error_class = 'UnreadableFile', error = 'bad'", "Failed with UnreadableFile: bad"),
        ("state = 'dead', error_class = 'WorkerLost', error = 'gone'", "Dead after 0 attempts"),
        ("state = 'cancelled', finished_at = now()", "Cancelled at"),
        ("state = 'succeeded', finished_at = now()", "Done at"),
        ("state = 'running', stage = 'embed', progress_total = 9", "Waiting for vectors (0 of 9 chunks embedded"),
        (f"{HELD}, lease_since = now(), lease_expires = 'infinity'", "Running on w1 since"),
        (f"{HELD}, lease_expires = '2020-01-01'", "The lease of worker w1 expired"),
    ],
)
def test_explain__returns_the_reason_for_the_state(library, change, sentence):
    job = library.submit()
    library.run(f"UPDATE jobs SET {change} WHERE id = {job}")
    with library.database.tenant(library.workspace) as session:
        assert sentence in jobs.explain(session, job)


def test_explain__with_a_running_worker(library):
    job = library.submit()
    library.run("INSERT INTO workers (id, role, queues, host, pid) VALUES ('w', 'ingest', '{ingest}', 'h', 1)")
    with library.database.tenant(library.workspace) as session:
        assert "Not published to the queue yet" in jobs.explain(session, job)
    with library.database.system() as session:
        jobs.mark_published(session, [job])
    with library.database.tenant(library.workspace) as session:
        assert 'Waiting in the queue "ingest" behind 0 jobs.' in jobs.explain(session, job)


def test_heartbeat__message_received_before_the_first_heartbeat_counts(library):
    sign = WorkerStatus("w", "ingest", ("ingest",), "host", 1, "model")
    for took in (True, False):
        with library.database.system() as session:
            workers.record_heartbeat(session, sign, took_task=took)
        with library.database.system() as session:
            assert workers.list_alive(session, "ingest")[0].last_task_at is not None


def test_heartbeat__reports_the_rerankers_that_work_now(library):
    sign = WorkerStatus("w", "query", ("query",), "host", 1, "model")
    for working in (("late-interaction",), ("late-interaction", "cross-encoder")):
        with library.database.system() as session:
            workers.record_heartbeat(session, replace(sign, rerankers=working, concurrency=16), took_task=False)
        with library.database.system() as session:
            assert workers.list_rerankers(session) == set(working)
            assert workers.list_alive(session, "query")[0].concurrency == 16
