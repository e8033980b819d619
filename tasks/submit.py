"""Submitting: insert and commit first, then put the number on the queue. Light: the bot imports this."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic

import structlog
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from db import deliveries, jobs, quotas
from db.engine import Database, Session
from pipeline.errors import RefdeskError
from tasks.app import TASK_OF_QUEUE, configure

log = structlog.get_logger(__name__)

BATCH = 500
BROKER_PAUSE_S = 10.0
"""So long a broker that failed is left alone by a publisher in the background."""
QueuedJobs = Sequence[tuple[int, str]]
"""Jobs with the queue of each."""


class Submitter:
    """Puts jobs into the ledger and their numbers on the queue."""

    def __init__(self, database: Database, broker_url: str, *, expires_s: float, in_background: bool = False) -> None:
        """Bind to ledger and broker; a message older than `expires_s` is dropped, and the sweeper sends another.

        `in_background`: publish on a thread of its own, so that nobody waits for a broker that does not answer.
        """
        self._database = database
        self._app = configure(broker_url, impatient=in_background)
        self._expires_s = expires_s
        self._background = BackgroundPublisher(self._publish) if in_background else None

    def submit(
        self,
        new_jobs: Iterable[jobs.NewJob],
        *,
        delivery: deliveries.NewDelivery | None = None,
        quota: quotas.Quota | None = None,
    ) -> list[int]:
        """Submit jobs of one workspace; they are safe when this returns, even while Redis is away.

        With a delivery or a quota (jobs of one requester then) it is one transaction: all of them or, with
        `QuotaExceeded`, none. A request that came before gives the jobs it gave then, whatever the quota says now.
        """
        if delivery is not None or quota is not None:
            return self._submit_atomically(list(new_jobs), delivery, quota)
        numbers: list[int] = []
        batch: list[jobs.NewJob] = []
        for job in new_jobs:
            batch.append(job)
            if len(batch) == BATCH:
                numbers += self._submit_batch(batch)
                batch = []
        return numbers + self._submit_batch(batch) if batch else numbers

    def publish(self, numbered: QueuedJobs) -> bool:
        """Put job numbers on their queues; tells whether the broker, or the thread for it, took them all."""
        if not numbered:
            return True
        return self._publish(numbered) if self._background is None else self._background.enqueue(numbered)

    def close(self, timeout_s: float) -> None:
        """Let the thread end what it has, but not for longer; what is left over the sweeper publishes."""
        if self._background is not None:
            self._background.close(timeout_s)

    def _publish(self, numbered: QueuedJobs) -> bool:
        sent: list[int] = []
        try:
            with self._app.producer_pool.acquire(block=True) as producer:
                for number, queue in numbered:
                    self._app.send_task(
                        TASK_OF_QUEUE[queue],
                        args=[number],
                        queue=queue,
                        expires=self._expires_s,
                        producer=producer,
                        retry=False,
                    )
                    sent.append(number)
        except (BrokerError, RedisError, OSError) as error:
            # Not an error of the person's: the job is in the ledger, and the sweeper publishes it once Redis is back.
            log.warning(
                "broker away, jobs wait in the ledger", jobs=len(numbered) - len(sent), error=type(error).__name__
            )
        if sent:
            with self._database.system() as session:
                jobs.mark_published(session, sent)
        return len(sent) == len(numbered)

    def _submit_atomically(
        self, new_jobs: list[jobs.NewJob], delivery: deliveries.NewDelivery | None, quota: quotas.Quota | None
    ) -> list[int]:
        if not new_jobs:
            return []
        with self._database.tenant(new_jobs[0].workspace_id) as session:
            if delivery is not None:
                delivery_id = deliveries.add(session, delivery)
                if known := deliveries.list_job_ids(session, delivery_id):
                    return known
                new_jobs = [replace(job, delivery_id=delivery_id) for job in new_jobs]
            if quota is not None:
                _check_quota(session, new_jobs, quota)
            numbers = [jobs.submit(session, job) for job in new_jobs]
        self._publish_new(numbers, new_jobs)
        return numbers

    def _submit_batch(self, batch: Sequence[jobs.NewJob]) -> list[int]:
        with self._database.tenant(batch[0].workspace_id) as session:
            numbers = [jobs.submit(session, job) for job in batch]
        self._publish_new(numbers, batch)
        return numbers

    def _publish_new(self, numbers: Sequence[int], new_jobs: Sequence[jobs.NewJob]) -> None:
        self.publish([(number, jobs.QUEUE_OF[job.kind]) for number, job in zip(numbers, new_jobs, strict=True)])


class BackgroundPublisher:
    """Publishes on one thread of its own, and leaves a broker alone for a while that has just failed."""

    def __init__(self, publish: Callable[[QueuedJobs], bool], *, pause_s: float = BROKER_PAUSE_S) -> None:
        """Publish with a function that blocks and tells whether it worked."""
        self._publish = publish
        self._pause_s = pause_s
        self._waiting: SimpleQueue[QueuedJobs | None] = SimpleQueue()
        self._paused_until = -float("inf")
        self._thread = Thread(target=self._run, name="publisher", daemon=True)
        self._thread.start()

    def enqueue(self, numbered: QueuedJobs) -> bool:
        """Take jobs over at once; false when the broker rests and the sweeper will have to publish them."""
        if monotonic() < self._paused_until:
            return False
        self._waiting.put(list(numbered))
        return True

    def close(self, timeout_s: float) -> None:
        """End after what is waiting; the thread keeps no process alive."""
        self._waiting.put(None)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while (numbered := self._waiting.get()) is not None:
            if monotonic() < self._paused_until:
                continue
            together = list(numbered)
            ended = False
            with contextlib.suppress(Empty):
                while len(together) < BATCH and not ended:
                    more = self._waiting.get_nowait()
                    ended = more is None
                    together += more or ()
            self._publish_batch(together)
            if ended:
                return

    def _publish_batch(self, numbered: QueuedJobs) -> None:
        try:
            taken = self._publish(numbered)
        except RefdeskError as error:
            # The broker may have them; the sweeper may send them once more, which changes nothing.
            log.warning("what was published is not noted", jobs=len(numbered), error=error.name)
            return
        except Exception:
            log.exception("publishing failed")
            taken = False
        if not taken:
            self._paused_until = monotonic() + self._pause_s


def _check_quota(session: Session, new_jobs: Sequence[jobs.NewJob], quota: quotas.Quota) -> None:
    """Admit what is really new: a request that another process has submitted already must not be refused."""
    first = new_jobs[0]
    quotas.lock(session, first.workspace_id, quota.kind)
    keys = [job.request_key for job in new_jobs if job.request_key is not None]
    fresh = len(new_jobs) - jobs.count_known_requests(session, first.workspace_id, keys)
    if fresh:
        quotas.admit(session, first.workspace_id, first.requester, quota, fresh)
