"""The Celery app. It is built empty; `configure` gives it a broker in an entry point, so importing it reads nothing.

Redis only carries job numbers: the ledger in Postgres decides who works on what, so a message may come twice, late or
never. The settings below still avoid the known ways in which Redis as a broker repeats or loses work.
"""

from __future__ import annotations

from celery import Celery
from kombu.entity import Exchange, Queue

app = Celery("refdesk")

INGEST = "ingest"
QUERY = "query"
TASK_OF_QUEUE = {INGEST: "refdesk.ingest", QUERY: "refdesk.answer"}

VISIBILITY_TIMEOUT_S = 6 * 3600
"""Longer than any task: Redis hands a message out again after this, whatever its worker is doing."""

_TRANSPORT = {
    "visibility_timeout": VISIBILITY_TIMEOUT_S,
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "retry_on_timeout": True,
    "global_keyprefix": "refdesk:",
}


_FAIL_FAST = {"socket_timeout": 2, "socket_connect_timeout": 2, "retry_on_timeout": False}
"""For a process that only submits: what Redis does not take now, the sweeper sends later."""


def configure(broker_url: str, *, impatient: bool = False) -> Celery:
    """Point the app at its broker; called once per process."""
    app.conf.update(
        broker_url=broker_url,
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=2 if impatient else 5,
        broker_transport_options=_TRANSPORT | _FAIL_FAST if impatient else _TRANSPORT,
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
        # A model takes longer to load than Celery expects of a child; without this it kills and forks for ever.
        worker_proc_alive_timeout=600,
        worker_soft_shutdown_timeout=10,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        task_create_missing_queues=False,
        # Without a key of its own a queue gets the default one, and every message lands in both.
        task_queues=[Queue(name, Exchange(name), routing_key=name) for name in (INGEST, QUERY)],  # type: ignore[no-untyped-call]
        task_default_queue=INGEST,
        include=["tasks.ingest", "tasks.query"],
    )
    return app
