"""Run a job under a lease: renew it in a heartbeat thread, honour cancellation, and record the outcome."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Self

import structlog

from db import jobs
from db.engine import Database
from monitoring.traces import job_span
from pipeline.errors import Cancelled, InvalidInput, LeaseLost, RefdeskError
from tasks.worker_heartbeat import is_stopping

log = structlog.get_logger(__name__)


REPORT_AFTER_S = 0.5
"""Seconds that a job must run before its progress is stored."""
MAX_RENEWAL_INTERVAL_S = 3.0
"""Maximum seconds between two renewals of a lease, which also read whether cancellation was requested."""
_running: set[LeasedJob] = set()
"""The jobs that threads of this process work on."""
_running_lock = threading.Lock()


class LeaseHeartbeat:
    """Calls `renew` on a thread, several times per lease, while the `with` block runs."""

    def __init__(
        self, renew: Callable[[], None], lease_s: float, *, first: tuple[float, Callable[[], None]] | None = None
    ) -> None:
        """Prepare the thread; nothing runs before the `with` block. `first` is called once, after so many seconds."""
        self._renew = renew
        self._first = first
        self._interval_s = min(lease_s / 3, MAX_RENEWAL_INTERVAL_S)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        """Start the heartbeat."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the heartbeat."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        if self._first is not None:
            after_s, call = self._first
            if self._stop.wait(after_s) or not self._try(call):
                return
        while not self._stop.wait(self._interval_s):
            if not self._try(self._renew):
                return

    def _try(self, call: Callable[[], None]) -> bool:
        """Return False if the lease is lost."""
        try:
            call()
        except LeaseLost:
            return False
        except Exception as error:  # noqa: BLE001 - a missed beat only delays renewal
            log.warning("lease heartbeat failed", error=str(error))
        return True


class LeasedJob:
    """A claimed job: reports progress and records whether it was cancelled or its lease lost."""

    def __init__(self, database: Database, lease: jobs.Lease, lease_s: float) -> None:
        """Bind to a lease that was just acquired."""
        self.lease = lease
        self._database = database
        self._lease_s = lease_s
        self._cancelled = threading.Event()
        self._lost = threading.Event()
        self._progress_lock = threading.Lock()
        self._report_from = time.monotonic() + REPORT_AFTER_S
        self._unreported: tuple[str, int, int, str] | None = None

    def should_stop(self) -> bool:
        """Return whether to stop: cancellation was requested, the lease is lost, or the worker is stopping."""
        return self.cancellation_requested() or self._lost.is_set() or is_stopping()

    def cancellation_requested(self) -> bool:
        """Return whether a cancellation request was seen."""
        return self._cancelled.is_set()

    def note_cancellation(self) -> None:
        """Record that cancellation was requested."""
        self._cancelled.set()

    def note_loss(self) -> None:
        """Record that the lease is lost."""
        self._lost.set()

    def lease_lost(self) -> bool:
        """Return whether the lease was lost, so that another worker may own the job."""
        return self._lost.is_set()

    def report(self, stage: str, done: int = 0, total: int = 0, text: str = "") -> None:
        """Store stage and progress.

        Raises:
            Cancelled: Cancellation was requested.
            LeaseLost: Another worker may own the job.
        """
        with self._database.system() as session:
            cancellation_requested = jobs.report_progress(session, self.lease, stage, done, total, text)
        if cancellation_requested:
            self._cancelled.set()
            raise Cancelled

    def report_if_long(self, stage: str, done: int, total: int, text: str) -> None:
        """Store stage and progress once the job has run for `REPORT_AFTER_S`, so that a short job causes no writes.

        Raises:
            Cancelled: Cancellation was requested.
            LeaseLost: Another worker may own the job.
        """
        if self.cancellation_requested():
            raise Cancelled
        with self._progress_lock:
            if time.monotonic() < self._report_from:
                self._unreported = (stage, done, total, text)
                return
            self._unreported = None
            self.report(stage, done, total, text)

    def report_unreported(self) -> None:
        """Store what `report_if_long` has not stored; the heartbeat thread calls this after `REPORT_AFTER_S`."""
        with self._progress_lock:
            if self._unreported is not None:
                with suppress(Cancelled):  # the job's own thread raises it with the next report
                    self.report(*self._unreported)
                self._unreported = None

    def release(self) -> None:
        """Release the lease because this process ends; the attempt does not count."""
        self._lost.set()
        with self._database.system() as session:
            jobs.release(session, self.lease)

    def renew(self) -> None:
        """Renew the lease."""
        try:
            with self._database.system() as session:
                if jobs.renew(session, self.lease, self._lease_s):
                    self._cancelled.set()
        except LeaseLost:
            self._lost.set()
            raise


class DelayedProgress:
    """Reports stages only once a job has run for a quarter of a second, so that short documents cause no writes."""

    DELAY_S = 0.25

    def __init__(self, report: Callable[[str], None]) -> None:
        """Wrap the `report` method of a job."""
        self._report = report
        self._started = time.monotonic()

    def __call__(self, stage: str) -> None:
        """Report the stage unless the job has just started."""
        if time.monotonic() - self._started >= self.DELAY_S:
            self._report(stage)


class ThrottledProgress:
    """Reports every change of stage immediately, and progress within a stage at most twice a second."""

    INTERVAL_S = 0.5

    def __init__(self, report: Callable[[str, int, int, str], None]) -> None:
        """Wrap the `report` method of a job."""
        self._report = report
        self._stage = ""
        self._at = 0.0

    def __call__(self, stage: str, done: int, total: int, text: str) -> None:
        """Report the progress if it is due."""
        now = time.monotonic()
        if stage == self._stage and now - self._at < self.INTERVAL_S:
            return
        self._stage, self._at = stage, now
        self._report(stage, done, total, text)


@contextmanager
def lease_job(database: Database, queue: str, *, worker: str, stage: str, lease_s: float) -> Iterator[LeasedJob | None]:
    """Claim the next job of a queue for the `with` block and record the outcome.

    The block itself marks the job as succeeded. An error marks it as failed, a cancellation request as cancelled, and a
    stopping worker releases it.

    Yields:
        The job, or None when no job is due.
    """
    with database.system() as session:
        lease = jobs.claim_next(session, queue, worker=worker, stage=stage, lease_s=lease_s)
    if lease is None:
        yield None
        return
    job = LeasedJob(database, lease, lease_s)
    with _running_lock:
        _running.add(job)
    try:
        first = (min(REPORT_AFTER_S, lease_s / 3), job.report_unreported)
        heartbeat = LeaseHeartbeat(job.renew, lease_s, first=first)
        attempt = job_span(lease.job_id, "attempt", attempt=lease.attempt)
        with record_outcome(database, job), heartbeat, attempt:
            yield job
    finally:
        with _running_lock:
            _running.discard(job)


@contextmanager
def record_outcome(database: Database, job: LeasedJob) -> Iterator[None]:
    """Record why the `with` block did not finish a job, and suppress the error unless the worker is stopping."""
    lease = job.lease
    job_log = log.bind(job=lease.job_id, workspace=lease.workspace_id, attempt=lease.attempt)
    try:
        yield
    except Cancelled:
        _end_stopped_job(database, job)
    except LeaseLost:
        job_log.warning("lease lost; the result is discarded")
    except Exception as error:  # noqa: BLE001 - any error fails this job and not the worker
        with database.system() as session:
            state = jobs.fail(session, lease, error)
        # The text of such an error names a document or a link. Logs cannot be erased, the row of the job can.
        text = "" if isinstance(error, InvalidInput) else str(error)[:300]
        job_log.warning("job failed", state=state, error=type(error).__name__, text=text)
    except BaseException:
        # The worker is stopping, which must not count as a failure of the job.
        with database.system() as session:
            jobs.release(session, lease)
        raise


def release_running() -> int:
    """Release the jobs that are still running because this process ends now, and return their number.

    Their threads continue without a lease until the process has ended, and change nothing.
    """
    with _running_lock:
        running = list(_running)
    for job in running:
        try:
            job.release()
            log.info("job released because this worker is stopping", job=job.lease.job_id, attempt=job.lease.attempt)
        except RefdeskError as error:
            log.warning("job could not be released; its lease expires", job=job.lease.job_id, error=str(error))
    return len(running)


def _end_stopped_job(database: Database, job: LeasedJob) -> None:
    """Record why work stopped early: a cancellation request, a lost lease, or a stopping worker."""
    job_log = log.bind(job=job.lease.job_id, attempt=job.lease.attempt)
    if job.cancellation_requested():
        with database.system() as session:
            jobs.mark_cancelled(session, job.lease)
        job_log.info("job cancelled")
    elif job.lease_lost():
        job_log.warning("lease lost; the result is discarded")
    else:
        with database.system() as session:
            jobs.release(session, job.lease)
        job_log.info("job released because this worker is stopping")
