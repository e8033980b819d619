"""The sweeper: every worker's parent runs one on a thread; an advisory lock lets one at a time do the work.

It repairs what a crash, a lost message or a Redis that was away left behind, so recovery never depends on the broker.
"""

from __future__ import annotations

import threading
import time

import structlog
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from config.settings import Settings
from db import blobs
from db import sweep as ledger
from db.engine import Database
from db.vector_indexes import build_vector_indexes
from pipeline.errors import DatabaseUnavailable
from tasks.app import TASK_OF_QUEUE, app
from tasks.embed import max_embed_attempts
from tasks.submit import Submitter

log = structlog.get_logger(__name__)

CLEANUP_INTERVAL_S = 600.0


class Sweeper:
    """Sweeps every so often on a thread until stopped."""

    def __init__(self, database: Database, submitter: Submitter, settings: Settings) -> None:
        """Bind; nothing runs before `start`."""
        self._database = database
        self._submitter = submitter
        self._settings = settings
        self._stop = threading.Event()
        self._cleaned_up_at = 0.0
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Sweep now and then every `sweep_s`."""
        self._thread.start()

    def stop(self) -> None:
        """Sweep no more."""
        self._stop.set()

    def sweep(self) -> ledger.SweepResult | None:
        """Sweep once; None when another worker is at it."""
        try:
            empty = find_empty_queues()
        except (BrokerError, RedisError, OSError) as error:
            # Whatever else there is to repair does not need the broker.
            log.warning("broker away, nothing is published", error=type(error).__name__)
            empty = []
        with self._database.system() as session:
            swept = ledger.sweep(
                session,
                empty_queues=empty,
                patience_s=2 * self._settings.jobs.sweep_s,
                expires_s=self._settings.jobs.message_expires_s,
                embed_attempts=max_embed_attempts(self._settings),
            )
        if swept is None:
            return None
        if swept.expired or swept.killed or swept.completed:
            log.warning("swept", expired=swept.expired, killed=swept.killed, completed=swept.completed)
        self._submitter.publish(swept.to_publish)
        self._clean_up()
        return swept

    def _clean_up(self) -> None:
        if time.monotonic() - self._cleaned_up_at < CLEANUP_INTERVAL_S and self._cleaned_up_at:
            return
        self._cleaned_up_at = time.monotonic()
        with self._database.system() as session:
            blobs.delete_orphans(session)
        build_vector_indexes(self._database)

    def _run(self) -> None:
        while True:
            try:
                self.sweep()
            except DatabaseUnavailable as error:
                log.warning("sweep put off", error=str(error))
            except Exception:
                log.exception("sweep failed")
            if self._stop.wait(self._settings.jobs.sweep_s):
                return


def find_empty_queues() -> list[str]:
    """Name the queues on which the broker holds no message."""
    with app.connection_for_read() as connection:
        channel = connection.default_channel
        return [queue for queue in TASK_OF_QUEUE if not channel.queue_declare(queue=queue).message_count]
