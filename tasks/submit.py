"""Submit jobs: insert and commit, then publish their IDs to the queue. The bot imports this, so it loads no models."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic, time_ns

import structlog
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from db import deliveries, job_batches, jobs, quotas
from db.engine import Database, Session
from monitoring.traces import record_submissions, set_up_tracing
from pipeline.errors import RefdeskError
from tasks.app import TASK_OF_QUEUE, configure

log = structlog.get_logger(__name__)

BATCH = 500
"""Jobs per transaction, and per batch of the background publisher."""
BROKER_PAUSE_S = 10.0
"""Seconds for which the background publisher does not try a broker again after a failure."""
QueuedJobs = Sequence[tuple[int, str]]
"""Job IDs, each with its queue."""


class Submitter:
    """Inserts jobs into the ledger and publishes their IDs."""

    def __init__(self, database: Database, broker_url: str, *, expires_s: float, in_background: bool = False) -> None:
        """Bind to ledger and broker without connecting.

        Args:
            database: The ledger.
            broker_url: Redis URL in the form that kombu expects.
            expires_s: Seconds before a message expires; the sweeper then publishes the job again.
            in_background: Publish on a separate thread, so that no caller waits for a broker that does not respond.
        """
        set_up_tracing(database)
        self._database = database
        self._app = configure(broker_url, fail_fast=in_background)
        self._expires_s = expires_s
        self._background = BackgroundPublisher(self._publish) if in_background else None

    def submit(
        self,
        new_jobs: Iterable[jobs.NewJob],
        *,
        delivery: deliveries.NewDelivery | None = None,
        quota: quotas.Quota | None = None,
    ) -> list[int]:
        """Submit jobs of one workspace and return their IDs; they are committed even if Redis is unreachable.

        With a delivery or a quota, all jobs have the same requester and are submitted in one transaction. A repeated
        request returns the IDs of its first submission and does not count toward the quota again.

        Raises:
            QuotaExceeded: The quota does not allow all jobs; none is submitted.
        """
        if delivery is not None or quota is not None:
            return self._submit_atomically(list(new_jobs), delivery, quota)
        job_ids: list[int] = []
        batch: list[jobs.NewJob] = []
        for job in new_jobs:
            batch.append(job)
            if len(batch) == BATCH:
                job_ids += self._submit_batch(batch)
                batch = []
        return job_ids + self._submit_batch(batch) if batch else job_ids

    def publish(self, queued: QueuedJobs) -> bool:
        """Publish job IDs; return whether the broker, or the background thread, accepted all of them."""
        if not queued:
            return True
        return self._publish(queued) if self._background is None else self._background.enqueue(queued)

    def close(self, timeout_s: float) -> None:
        """Wait up to `timeout_s` for the background thread; the sweeper publishes what remains."""
        if self._background is not None:
            self._background.close(timeout_s)

    def _publish(self, queued: QueuedJobs) -> bool:
        sent: list[int] = []
        messages = self._build_messages(queued)
        try:
            with self._app.producer_pool.acquire(block=True) as producer:
                for queue, job_ids in messages:
                    self._app.send_task(
                        TASK_OF_QUEUE[queue],
                        args=[job_ids if len(job_ids) > 1 else job_ids[0]],
                        queue=queue,
                        expires=self._expires_s,
                        producer=producer,
                        retry=False,
                    )
                    sent += job_ids
        except (BrokerError, RedisError, OSError) as error:
            # The jobs are in the ledger and the sweeper publishes them later, so this is no error for the caller.
            log.warning(
                "Redis is unreachable; the sweeper publishes these jobs later",
                jobs=len(queued) - len(sent),
                error=type(error).__name__,
            )
        if sent:
            # If the mark is lost in a crash of PostgreSQL, the sweeper publishes again, which is harmless.
            with self._database.system(durable=False) as session:
                jobs.mark_published(session, sent)
        return len(sent) == len(queued)

    def _build_messages(self, queued: QueuedJobs) -> Sequence[tuple[str, list[int]]]:
        if len(queued) == 1:
            return [(queue, [job_id]) for job_id, queue in queued]
        with self._database.system() as session:
            return job_batches.group_for_messages(session, queued)

    def _submit_atomically(
        self, new_jobs: list[jobs.NewJob], delivery: deliveries.NewDelivery | None, quota: quotas.Quota | None
    ) -> list[int]:
        if not new_jobs:
            return []
        started = time_ns()
        with self._database.tenant(new_jobs[0].workspace_id) as session:
            if delivery is not None:
                delivery_id = deliveries.add(session, delivery)
                if known := deliveries.list_job_ids(session, delivery_id):
                    return known
                new_jobs = [replace(job, delivery_id=delivery_id) for job in new_jobs]
            if quota is not None:
                _check_quota(session, new_jobs, quota)
            job_ids = jobs.submit_all(session, new_jobs)
        self._publish_new(job_ids, new_jobs, started)
        return job_ids

    def _submit_batch(self, batch: Sequence[jobs.NewJob]) -> list[int]:
        started = time_ns()
        with self._database.tenant(batch[0].workspace_id) as session:
            job_ids = jobs.submit_all(session, batch)
        self._publish_new(job_ids, batch, started)
        return job_ids

    def _publish_new(self, job_ids: Sequence[int], new_jobs: Sequence[jobs.NewJob], started: int) -> None:
        record_submissions(job_ids, started)
        self.publish([(job_id, jobs.QUEUE_OF[job.kind]) for job_id, job in zip(job_ids, new_jobs, strict=True)])


class BackgroundPublisher:
    """Publishes job IDs on a thread, and pauses after the broker failed."""

    def __init__(self, publish: Callable[[QueuedJobs], bool], *, pause_s: float = BROKER_PAUSE_S) -> None:
        """Start the thread; `publish` blocks and returns whether the broker accepted all jobs."""
        self._publish = publish
        self._pause_s = pause_s
        self._waiting: SimpleQueue[QueuedJobs | None] = SimpleQueue()
        self._paused_until = -float("inf")
        self._thread = Thread(target=self._run, name="publisher", daemon=True)
        self._thread.start()

    def enqueue(self, queued: QueuedJobs) -> bool:
        """Enqueue jobs without blocking; return False during a pause, after which the sweeper publishes them."""
        if monotonic() < self._paused_until:
            return False
        self._waiting.put(list(queued))
        return True

    def close(self, timeout_s: float) -> None:
        """Publish the waiting jobs for up to `timeout_s` seconds. The daemon thread does not keep the process alive."""
        self._waiting.put(None)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while (queued := self._waiting.get()) is not None:
            if monotonic() < self._paused_until:
                continue
            merged = list(queued)
            ended = False
            with contextlib.suppress(Empty):
                while len(merged) < BATCH and not ended:
                    more = self._waiting.get_nowait()
                    ended = more is None
                    merged += more or ()
            self._publish_batch(merged)
            if ended:
                return

    def _publish_batch(self, queued: QueuedJobs) -> None:
        try:
            accepted = self._publish(queued)
        except RefdeskError as error:
            # The sweeper may publish these jobs again, which is harmless: only one worker can claim a job.
            log.warning("published jobs could not be marked as published", jobs=len(queued), error=error.name)
            return
        except Exception:
            log.exception("publishing jobs failed")
            accepted = False
        if not accepted:
            self._paused_until = monotonic() + self._pause_s


def _check_quota(session: Session, new_jobs: Sequence[jobs.NewJob], quota: quotas.Quota) -> None:
    """Count only new requests: one that another process submitted before must not exceed the quota."""
    first = new_jobs[0]
    quotas.lock(session, first.workspace_id, quota.kind)
    keys = [job.request_key for job in new_jobs if job.request_key is not None]
    fresh = len(new_jobs) - jobs.count_known_requests(session, first.workspace_id, keys)
    if fresh:
        quotas.admit(session, first.workspace_id, first.requester, quota, fresh)
