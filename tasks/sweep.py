"""The sweeper: a thread in every worker's parent process; an advisory lock allows one sweep at a time.

It repairs the effects of crashes, lost messages and Redis outages, so recovery never depends on the broker.
"""

from __future__ import annotations

import threading
import time

import structlog
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from config import recognised_pages
from config.settings import Settings
from db import blobs, retention, workspace_erasure
from db import sweep as ledger
from db.engine import Database
from db.vector_indexes import build_vector_indexes
from pipeline.errors import DatabaseUnavailable
from tasks.app import TASK_OF_QUEUE, app
from tasks.consumer_watchdog import ConsumerWatchdog
from tasks.embed import max_embed_attempts
from tasks.submit import Submitter

log = structlog.get_logger(__name__)

CLEANUP_INTERVAL_S = 600.0


class Sweeper:
    """Sweeps periodically on a thread."""

    def __init__(
        self, database: Database, submitter: Submitter, settings: Settings, watchdog: ConsumerWatchdog | None = None
    ) -> None:
        """Prepare the thread; nothing runs before `start`. The watchdog gets the number of messages at each sweep."""
        self._watchdog = watchdog
        self._database = database
        self._submitter = submitter
        self._settings = settings
        self._stop = threading.Event()
        self._cleaned_up_at = 0.0
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Sweep now, and then every REFDESK_SWEEP_S seconds."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the current sweep."""
        self._stop.set()

    def sweep(self) -> ledger.SweepResult | None:
        """Sweep once; return None when another worker is sweeping."""
        try:
            messages = count_messages()
        except (BrokerError, RedisError, OSError) as error:
            # All other repairs work without the broker.
            log.warning("Redis is unreachable; no jobs are published", error=type(error).__name__)
            messages = None
        if self._watchdog is not None and messages is not None:
            self._watchdog.observe(messages)
        with self._database.system() as session:
            swept = ledger.sweep(
                session,
                messages=messages,
                patience_s=2 * self._settings.jobs.sweep_s,
                expires_s=self._settings.jobs.message_expires_s,
                embed_attempts=max_embed_attempts(self._settings),
            )
        if swept is None:
            return None
        if swept.expired or swept.killed or swept.completed:
            log.warning("jobs repaired", expired=swept.expired, killed=swept.killed, completed=swept.completed)
        self._submitter.publish(swept.to_publish)
        self._clean_up()
        return swept

    def _clean_up(self) -> None:
        if time.monotonic() - self._cleaned_up_at < CLEANUP_INTERVAL_S and self._cleaned_up_at:
            return
        self._cleaned_up_at = time.monotonic()
        with self._database.system() as session:
            blobs.delete_orphans(session)
        recognised_pages.delete_unneeded(self._settings, self._database)
        retention.delete_expired(self._database, self._settings.quotas.retention_days, self._stop.is_set)
        workspace_erasure.continue_erasures(self._database, self._stop.is_set)
        build_vector_indexes(self._database)

    def _run(self) -> None:
        while True:
            try:
                self.sweep()
            except DatabaseUnavailable as error:
                log.warning("sweep postponed: the database is unavailable", error=str(error))
            except Exception:
                log.exception("sweep failed")
            if self._stop.wait(self._settings.jobs.sweep_s):
                return


def count_messages() -> dict[str, int]:
    """Return the number of messages at the broker by queue."""
    with app.connection_for_read() as connection:
        channel = connection.default_channel
        return {queue: channel.queue_declare(queue=queue).message_count for queue in TASK_OF_QUEUE}
