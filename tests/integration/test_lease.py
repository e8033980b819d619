"""Jobs whose work stops early: released by a stopping worker, or cancelled on request."""

from __future__ import annotations

import time

import pytest

from db import jobs
from pipeline.errors import Cancelled
from tasks import worker_heartbeat
from tasks.lease import lease_job, release_running


@pytest.fixture
def stopping():
    worker_heartbeat.note_stopping()
    yield
    worker_heartbeat._stopping.value = 0


def work(library) -> None:
    with lease_job(library.database, "ingest", worker="w", stage="parse", lease_s=60) as leased:
        assert leased is not None
        if leased.should_stop():
            raise Cancelled
        leased.report("parse")


def test_stopping_worker__releases_the_job_without_an_attempt(library, stopping):
    job = library.submit()
    work(library)
    row = library.job(job)
    assert (row.state, row.attempt, row.lease_token) == ("queued", 0, None)


def test_cancellation_request__ends_the_job(library):
    job = library.submit()
    with lease_job(library.database, "ingest", worker="w", stage="parse", lease_s=60) as leased:
        assert leased is not None
        with library.database.tenant(library.workspace) as session:
            assert jobs.cancel(session, job) == "running"
        leased.report("chunk")
    assert library.job(job).state == "cancelled"


def test_cancellation_request__is_seen_within_5_seconds_by_a_job_that_reports_nothing(library):
    job = library.submit()
    with lease_job(library.database, "ingest", worker="w", stage="parse", lease_s=60) as leased:
        assert leased is not None
        with library.database.tenant(library.workspace) as session:
            assert jobs.cancel(session, job) == "running"
        deadline = time.monotonic() + 5
        while not leased.cancellation_requested():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        leased.report("parse")
    assert library.job(job).state == "cancelled"


def test_progress_of_a_short_job_is_not_stored(library):
    number = library.submit()
    with lease_job(library.database, "ingest", worker="w", stage="start", lease_s=60) as job:
        assert job is not None
        job.report_if_long("recall", 0, 1, "")
        assert library.job(number).stage == "start"


def test_progress_of_a_long_job_is_stored_while_its_thread_waits(library):
    number = library.submit()
    with lease_job(library.database, "ingest", worker="w", stage="start", lease_s=60) as job:
        assert job is not None
        job.report_if_long("recall", 0, 1, "")
        job.report_if_long("generate", 0, 1, "")
        deadline = time.monotonic() + 10
        while library.job(number).stage != "generate":
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_releasing_the_running_jobs_of_a_process_that_ends(library):
    number = library.submit()
    with lease_job(library.database, "ingest", worker="w", stage="start", lease_s=60) as job:
        assert job is not None
        assert release_running() == 1
        assert (library.job(number).state, library.job(number).attempt) == ("queued", 0)
        assert job.lease_lost()
    assert (library.job(number).state, library.job(number).attempt) == ("queued", 0)
