"""Holding a lease while working: a heartbeat thread, the wish to stop, and the end of the job whatever happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

import structlog

from db import jobs
from db.engine import Database
from pipeline.errors import Cancelled, LeaseLost
from tasks.worker_heartbeat import is_stopping

log = structlog.get_logger(__name__)


class LeaseHeartbeat:
    """Calls `beat` every third of the lease on a thread of its own until left."""

    def __init__(self, beat: Callable[[], None], lease_s: float) -> None:
        """Prepare; nothing runs before `with`."""
        self._beat = beat
        self._pause_s = lease_s / 3
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        """Start beating."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop beating."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._pause_s):
            try:
                self._beat()
            except LeaseLost:
                return
            except Exception as error:  # noqa: BLE001 - a heart that stops at a full disk loses a lease in good order
                log.warning("heartbeat missed", error=str(error))


class LeasedJob:
    """A claimed job: report stages, learn of a cancel, and know whether the lease still holds."""

    def __init__(self, database: Database, lease: jobs.Lease, lease_s: float) -> None:
        """Bind to a lease that was just taken."""
        self.lease = lease
        self._database = database
        self._lease_s = lease_s
        self._cancelled = threading.Event()
        self._lost = threading.Event()

    def should_stop(self) -> bool:
        """Whether the work should stop: a person wants it, the lease is gone, or the worker was told to stop."""
        return self.cancellation_requested() or self._lost.is_set() or is_stopping()

    def cancellation_requested(self) -> bool:
        """Whether a person cancelled the job."""
        return self._cancelled.is_set()

    def lease_lost(self) -> bool:
        """Whether another worker owns the job now."""
        return self._lost.is_set()

    def report(self, stage: str, done: int = 0, total: int = 0, text: str = "") -> None:
        """Show stage and progress; raises `LeaseLost` or `Cancelled` between stages, where stopping is clean."""
        with self._database.system() as session:
            wanted = jobs.report_progress(session, self.lease, stage, done, total, text)
        if wanted:
            self._cancelled.set()
            raise Cancelled

    def beat(self) -> None:
        """Renew the lease."""
        try:
            with self._database.system() as session:
                if jobs.renew(session, self.lease, self._lease_s):
                    self._cancelled.set()
        except LeaseLost:
            self._lost.set()
            raise


class DelayedProgress:
    """Reports a stage only when the job has run for a moment: a short note is done before anybody could look."""

    DELAY_S = 0.25

    def __init__(self, report: Callable[[str], None]) -> None:
        """Wrap a holder's `report`."""
        self._report = report
        self._began = time.monotonic()

    def __call__(self, stage: str) -> None:
        """Pass the report on if the job is no longer young."""
        if time.monotonic() - self._began >= self.DELAY_S:
            self._report(stage)


class ThrottledProgress:
    """Reports every change of stage at once, and progress within a stage at most twice a second."""

    INTERVAL_S = 0.5

    def __init__(self, report: Callable[[str, int, int, str], None]) -> None:
        """Wrap a holder's `report`."""
        self._report = report
        self._stage = ""
        self._at = 0.0

    def __call__(self, stage: str, done: int, total: int, text: str) -> None:
        """Pass the report on if it is due."""
        now = time.monotonic()
        if stage == self._stage and now - self._at < self.INTERVAL_S:
            return
        self._stage, self._at = stage, now
        self._report(stage, done, total, text)


@contextmanager
def lease_job(
    database: Database, job_id: int, *, worker: str, stage: str, lease_s: float
) -> Iterator[LeasedJob | None]:
    """Claim a job and see it to an end: an error becomes its state, a stopping worker hands it back.

    Gives None when there is nothing to claim. The body ends the job itself when it succeeds.
    """
    with database.system() as session:
        lease = jobs.claim(session, job_id, worker=worker, stage=stage, lease_s=lease_s)
    if lease is None:
        yield None
        return
    holder = LeasedJob(database, lease, lease_s)
    bound = log.bind(job=job_id, workspace=lease.workspace_id, attempt=lease.attempt)
    try:
        with LeaseHeartbeat(holder.beat, lease_s):
            yield holder
    except Cancelled:
        _end_stopped_job(database, holder)
    except LeaseLost:
        bound.warning("lease lost, nothing written")
    except Exception as error:  # noqa: BLE001 - whatever goes wrong becomes the state of this job, not of the worker
        with database.system() as session:
            state = jobs.fail(session, lease, error)
        bound.warning("job failed", state=state, error=type(error).__name__, text=str(error)[:300])
    except BaseException:
        # The worker is told to stop: the job did nothing wrong.
        with database.system() as session:
            jobs.release(session, lease)
        raise


def _end_stopped_job(database: Database, holder: LeasedJob) -> None:
    """End work that stopped half way: cancelled by a person, or handed back because this worker stops."""
    bound = log.bind(job=holder.lease.job_id, attempt=holder.lease.attempt)
    if holder.cancellation_requested():
        with database.system() as session:
            jobs.mark_cancelled(session, holder.lease)
        bound.info("job cancelled")
    elif holder.lease_lost():
        bound.warning("lease lost, nothing written")
    else:
        with database.system() as session:
            jobs.release(session, holder.lease)
        bound.info("job handed back, this worker stops")
