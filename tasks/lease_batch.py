"""Run a batch of jobs under one heartbeat; each job keeps its own lease and its own outcome."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from db import job_batches
from db.engine import Database
from pipeline.errors import Cancelled
from tasks.lease import LeasedJob, LeaseHeartbeat, record_outcome


class JobBatch:
    """Claimed jobs, of which those that have not ended are renewed and, at the end, released."""

    def __init__(self, database: Database, jobs: Sequence[LeasedJob], lease_s: float) -> None:
        """Bind to jobs that were just claimed."""
        self.jobs = tuple(jobs)
        self._database = database
        self._lease_s = lease_s
        self._open = {job.lease.job_id: job for job in jobs}

    @contextmanager
    def work_on(self, job: LeasedJob) -> Iterator[None]:
        """Work on one job in the `with` block: an error ends this job only, as `record_outcome` describes."""
        finished = False
        try:
            with record_outcome(self._database, job):
                yield
                finished = True
        finally:
            if not finished:
                self.note_end(job)

    def note_end(self, job: LeasedJob) -> None:
        """Record that the lease of a job is not needed any more."""
        self._open.pop(job.lease.job_id, None)

    def fail(self, jobs: Sequence[LeasedJob], error: Exception) -> None:
        """End jobs with the error of a step that they share."""
        for job in jobs:
            with self.work_on(job):
                raise error

    def renew(self) -> None:
        """Renew the leases of all jobs that have not ended."""
        waiting = list(self._open.values())
        if not waiting:
            return
        with self._database.system() as session:
            renewed = job_batches.renew(session, [job.lease for job in waiting], self._lease_s)
        for job in waiting:
            if job.lease.job_id not in renewed:
                job.note_loss()
            elif renewed[job.lease.job_id]:
                job.note_cancellation()

    def release(self) -> None:
        """Release the jobs that have not ended, because the worker stops; their attempts do not count."""
        self.fail(list(self._open.values()), Cancelled())


@contextmanager
def lease_jobs(
    database: Database, *, worker: str, stage: str, lease_s: float, limit: int = job_batches.MAX_JOBS
) -> Iterator[JobBatch]:
    """Claim the next ingest jobs of one workspace for the `with` block; those that it does not finish are released.

    Yields:
        The jobs; none when no job is due.
    """
    with database.system() as session:
        leases = job_batches.claim_next(session, worker=worker, stage=stage, lease_s=lease_s, limit=limit)
    batch = JobBatch(database, [LeasedJob(database, lease, lease_s) for lease in leases], lease_s)
    if not leases:
        yield batch
        return
    try:
        with LeaseHeartbeat(batch.renew, lease_s):
            yield batch
    finally:
        batch.release()
