"""The end of a worker that receives no messages although its queue has some.

After Redis was restarted or connections were cut, Celery's consumer may wait for messages on a connection that is gone,
while the worker sends heartbeats (reported for several versions, for example in celery/celery#8990). Only a new process
helps.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from db import workers
from db.engine import Database
from tasks.worker_heartbeat import count_received, is_ready, is_stopping

STALLED_AFTER_S = 30.0
STALLED_AFTER_SWEEPS = 3
"""A worker is stalled if it had no work and received no message, next to a queue with messages, for both of these."""


class ConsumerWatchdog:
    """Observes the consumer of a worker at each sweep."""

    def __init__(self, database: Database, worker: str, queue: str, end: Callable[[str], None]) -> None:
        """Bind to the worker; `end` gets the reason once the consumer is stalled."""
        self._database = database
        self._worker = worker
        self._queue = queue
        self._end = end
        self._received = 0
        self._sweeps = 0
        self._since = 0.0

    def observe(self, messages: Mapping[str, int]) -> None:
        """Observe the worker once.

        Args:
            messages: The number of messages in each queue now.
        """
        received = count_received()
        if received != self._received or not self._is_idle_next_to(messages):
            self._received, self._sweeps, self._since = received, 0, time.monotonic()
            return
        self._sweeps += 1
        idle_s = time.monotonic() - self._since
        if self._sweeps >= STALLED_AFTER_SWEEPS and idle_s >= STALLED_AFTER_S:
            self._end(
                f"The worker received no message from the queue {self._queue} for {idle_s:.0f} s, although the queue"
                " has messages and the worker has no job. A new process has to connect to Redis."
            )

    def _is_idle_next_to(self, messages: Mapping[str, int]) -> bool:
        if not messages[self._queue] or not is_ready() or is_stopping():
            return False
        with self._database.system() as session:
            return workers.is_idle_next_to_jobs(session, self._worker, self._queue)
