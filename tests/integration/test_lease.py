"""Work that stops half way: who wanted it decides what becomes of the job."""

from __future__ import annotations

import pytest

from db import jobs
from pipeline.errors import Cancelled
from tasks import worker_heartbeat as signs
from tasks.lease import lease_job


@pytest.fixture
def stopping():
    signs.note_stopping()
    yield
    signs._stopping.value = 0


def work(library, job: int) -> None:
    with lease_job(library.database, job, worker="w", stage="parse", lease_s=60) as holder:
        assert holder is not None
        if holder.should_stop():
            raise Cancelled
        holder.report("parse")


def test_worker_told_to_stop__hands_the_job_back_and_the_attempt_does_not_count(library, stopping):
    job = library.submit()
    work(library, job)
    row = library.job(job)
    assert (row.state, row.attempt, row.lease_token) == ("queued", 0, None)


def test_cancelled_by_a_person__ends(library):
    job = library.submit()
    with lease_job(library.database, job, worker="w", stage="parse", lease_s=60) as holder:
        assert holder is not None
        with library.database.tenant(library.workspace) as session:
            assert jobs.cancel(session, job) == "running"
        holder.report("chunk")
    assert library.job(job).state == "cancelled"
