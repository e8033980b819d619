"""Celery's own command line: `celery -A tasks.app worker -Q ingest`, `celery -A tasks.app inspect active`, Flower.

`refdesk worker` runs the same worker class, with settings and servers that it has found itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from celery.apps.worker import Worker

from config.settings import load
from pipeline.errors import RefdeskError, SetupError
from tasks.celery_settings import read_url
from tasks.roles import QUEUE_OF_ROLE
from tasks.startup import WorkerStartup, exit_without_waiting, prepare_worker
from tasks.worker_heartbeat import get_failure

DEFAULT_NODE = "celery@"
"""Beginning of the name of a worker for which `celery worker` got no --hostname."""


class RefdeskWorker(Worker):
    """A Celery worker for one queue, with its models, heartbeat and sweeper."""

    def __init__(
        self,
        *,
        startup: WorkerStartup | None = None,
        hostname: str = "",
        queues: Sequence[str] | None = None,
        **options: Any,
    ) -> None:
        """Load the models.

        Args:
            startup: What to start; Celery's command line passes none, and the settings and `queues` decide.
            hostname: Name among Celery's workers; a name with the process ID if it is Celery's default.
            queues: The queue to consume, on Celery's command line.
            options: Other options of Celery's worker. Pool and concurrency follow from the queue.
        """
        self._on_celery_command_line = startup is None
        try:
            prepared = prepare_worker(startup or _read_startup(queues))
        except RefdeskError as error:
            if startup is None:
                raise SystemExit(f"error: {error}") from error
            raise
        if hostname and not hostname.startswith(DEFAULT_NODE):
            prepared["hostname"] = hostname
        super().__init__(**options | prepared)

    def start(self) -> None:
        """Run until stopped. On Celery's command line, end the process even if threads still wait."""
        super().start()
        if self._on_celery_command_line:
            if failure := get_failure():
                raise SystemExit(f"error: {failure}")
            if not self.exitcode:
                exit_without_waiting()


def _read_startup(queues: Sequence[str] | None) -> WorkerStartup:
    role = next((role for role, queue in QUEUE_OF_ROLE.items() if list(queues or ()) == [queue]), None)
    if role is None:
        raise SetupError("A worker consumes one queue: add `-Q ingest` (documents) or `-Q query` (questions).")
    settings = load()
    servers = settings.servers
    return WorkerStartup(role, settings, read_url(servers.database_url), read_url(servers.redis_url), monitoring=True)
