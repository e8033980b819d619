"""The Celery app. Importing it reads no settings; `configure` sets the broker in an entry point.

On Celery's own command line (`celery -A tasks.app …`) no entry point of Refdesk runs. There the settings are read when
Celery reads the configuration of the app.

Redis only carries job IDs. The ledger in Postgres decides which worker runs a job, so a message may be delivered twice,
late or never. The settings below avoid the known cases in which Redis as a broker repeats or loses messages.
"""

from __future__ import annotations

import sys
from functools import cached_property
from typing import Any

from celery import Celery
from kombu.entity import Exchange, Queue

from tasks.roles import QUEUE_OF_ROLE


class RefdeskCelery(Celery):
    """Celery with Refdesk's worker, also on Celery's own command line."""

    @cached_property
    def Worker(self) -> Any:  # noqa: N802 - Celery's name
        """The class of workers, imported only where one runs."""
        return self.subclass_with_self("tasks.celery_worker:RefdeskWorker")


app = RefdeskCelery("refdesk")
app.conf.worker_enable_remote_control = False  # `enable_monitoring` enables it

INGEST = QUEUE_OF_ROLE["ingest"]
QUERY = QUEUE_OF_ROLE["query"]
TASK_OF_QUEUE = {INGEST: "refdesk.ingest", QUERY: "refdesk.answer"}

VISIBILITY_TIMEOUT_S = 6 * 3600
"""Longer than any task: Redis redelivers a message after this time even if a worker still processes it."""

SOFT_SHUTDOWN_S = 10.0
"""Seconds that a stopping worker waits for running tasks before it releases their jobs."""

_TRANSPORT = {
    "visibility_timeout": VISIBILITY_TIMEOUT_S,
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "retry_on_timeout": True,
    "global_keyprefix": "refdesk:",
}

_FAIL_FAST = {"socket_timeout": 2, "socket_connect_timeout": 2, "retry_on_timeout": False}
"""For a process that only submits jobs: the sweeper publishes later what Redis does not accept now."""


def configure(broker_url: str, *, fail_fast: bool = False) -> Celery:
    """Set the broker of the app; called once per process.

    Args:
        broker_url: Redis URL in the form that kombu expects.
        fail_fast: Give up after 2 seconds without a retry when the broker does not respond.
    """
    app.conf.update(
        broker_url=broker_url,
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=2 if fail_fast else 5,
        broker_transport_options=_TRANSPORT | _FAIL_FAST if fail_fast else _TRANSPORT,
        # The visibility timeout must be the same in all three places: the shortest one wins.
        result_backend_transport_options={"visibility_timeout": VISIBILITY_TIMEOUT_S},
        visibility_timeout=VISIBILITY_TIMEOUT_S,
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_cancel_long_running_tasks_on_connection_loss=True,
        # Loading a model takes longer than Celery's default limit for a child to start (4 s), after which Celery kills
        # the child and forks another, in an endless loop.
        worker_proc_alive_timeout=600,
        worker_soft_shutdown_timeout=SOFT_SHUTDOWN_S,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        task_create_missing_queues=False,
        # Without a routing key per queue both queues get the default key, and every message goes to both.
        task_queues=[Queue(name, Exchange(name), routing_key=name) for name in (INGEST, QUERY)],  # type: ignore[no-untyped-call]
        task_default_queue=INGEST,
        include=["tasks.ingest", "tasks.query"],
    )
    return app


def enable_monitoring() -> None:
    """Let Celery's tools see this worker: `celery inspect` and `celery control`, and the events that Flower shows."""
    app.conf.update(worker_enable_remote_control=True, worker_send_task_events=True)


@app.on_configure.connect
def _configure_command_line(**_: Any) -> None:
    if "celery.bin.celery" in sys.modules and "broker_url" not in app.conf:
        from tasks.celery_settings import configure_from_settings

        configure_from_settings()
