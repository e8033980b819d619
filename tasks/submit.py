"""Submitting: insert and commit first, then put the number on the queue. Light: the bot imports this."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import structlog
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from db import deliveries, jobs, quotas
from db.engine import Database, Session
from tasks.app import TASK_OF_QUEUE, configure

log = structlog.get_logger(__name__)

BATCH = 500


class Submitter:
    """Puts jobs into the ledger and their numbers on the queue."""

    def __init__(self, database: Database, broker_url: str, *, expires_s: float) -> None:
        """Bind to ledger and broker; a message older than `expires_s` is dropped, and the sweeper sends another."""
        self._database = database
        self._app = configure(broker_url)
        self._expires_s = expires_s

    def submit(
        self,
        new_jobs: Iterable[jobs.NewJob],
        *,
        delivery: deliveries.NewDelivery | None = None,
        quota: quotas.Quota | None = None,
    ) -> list[int]:
        """Submit jobs of one workspace; they are safe when this returns, even while Redis is away.

        With a delivery or a quota (jobs of one requester then) it is one transaction: all of them or, with
        `OverQuota`, none. A request that came before gives the jobs it gave then, whatever the quota says now.
        """
        if delivery is not None or quota is not None:
            return self._submit_whole(list(new_jobs), delivery, quota)
        numbers: list[int] = []
        batch: list[jobs.NewJob] = []
        for job in new_jobs:
            batch.append(job)
            if len(batch) == BATCH:
                numbers += self._submit_batch(batch)
                batch = []
        return numbers + self._submit_batch(batch) if batch else numbers

    def publish(self, numbered: Sequence[tuple[int, str]]) -> bool:
        """Put job numbers on their queues; tells whether the broker took them all."""
        if not numbered:
            return True
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

    def _submit_whole(
        self, new_jobs: list[jobs.NewJob], delivery: deliveries.NewDelivery | None, quota: quotas.Quota | None
    ) -> list[int]:
        if not new_jobs:
            return []
        with self._database.tenant(new_jobs[0].workspace_id) as session:
            if delivery is not None:
                delivery_id = deliveries.add(session, delivery)
                if known := deliveries.job_ids(session, delivery_id):
                    return known
                new_jobs = [replace(job, delivery_id=delivery_id) for job in new_jobs]
            if quota is not None:
                _admit(session, new_jobs, quota)
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


def _admit(session: Session, new_jobs: Sequence[jobs.NewJob], quota: quotas.Quota) -> None:
    """Admit what is really new: a request that another process has submitted already must not be refused."""
    first = new_jobs[0]
    quotas.lock(session, first.workspace_id, quota.kind)
    keys = [job.request_key for job in new_jobs if job.request_key is not None]
    fresh = len(new_jobs) - jobs.known_requests(session, first.workspace_id, keys)
    if fresh:
        quotas.admit(session, first.workspace_id, first.requester, quota, fresh)
