"""Starting a worker: checks in the parent, models in the child, signs of life and the sweeper once it is ready."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from dataclasses import dataclass, replace
from typing import Any, Literal

import structlog
from celery import signals

from config.embedding import describe_configured_profile, find_configured_model
from config.profile_parts import build_parts_cache
from config.settings import Settings
from db import profiles
from db.engine import Database
from db.schema import require_schema
from db.workers import WorkerStatus
from pipeline.errors import ProfileMismatch, SetupError
from pipeline.types import EmbeddingProfile
from tasks.app import INGEST, QUERY, configure
from tasks.embed import EmbedderThread
from tasks.profiles import ProfileWatcher
from tasks.runtime import Runtime, build_worker_name, get_runtime, set_runtime
from tasks.submit import Submitter
from tasks.sweep import Sweeper
from tasks.worker_heartbeat import (
    WorkerHeartbeat,
    get_failure,
    is_ready,
    is_stopping,
    note_failure,
    note_ready,
    note_stopping,
)

log = structlog.get_logger(__name__)

Role = Literal["query", "ingest"]
CHILD_EXIT_DELAY_S = 3.0
"""How long a child that could not start waits for its parent to stop."""
QUEUE_OF_ROLE: dict[Role, str] = {"query": QUERY, "ingest": INGEST}


@dataclass(frozen=True, slots=True)
class WorkerStartup:
    """What a worker process is told."""

    role: Role
    settings: Settings
    database_url: str
    broker_url: str
    with_parent: bool = False
    """Stop when the process that started this one is gone."""


def run_worker(plan: WorkerStartup) -> None:
    """Run a worker in this process until it is told to stop."""
    require_schema(plan.database_url)
    database = Database(plan.database_url, application=f"refdesk worker {plan.role}")
    profile = ensure_live_profile(database, plan.settings)
    app = configure(plan.broker_url)
    name = build_worker_name(plan.role)
    submitter = Submitter(database, plan.broker_url, expires_s=plan.settings.jobs.message_expires_s)
    sign = WorkerStatus(name, plan.role, (QUEUE_OF_ROLE[plan.role],), socket.gethostname(), os.getpid(), profile.model)
    signs = WorkerHeartbeat(database, sign)
    sweeper = Sweeper(database, submitter, plan.settings)

    # The parent must not touch a model library: a forked child would inherit its threads and locks.
    def in_child(**_: Any) -> None:
        _start_child(plan, profile, name)

    def announce() -> None:
        # Celery calls itself ready while its child still loads the models; nobody should count on a worker before.
        while not is_ready():
            if is_stopping():
                return
            time.sleep(0.05)
        signs.start()
        sweeper.start()
        log.info("worker ready", worker=name, queue=QUEUE_OF_ROLE[plan.role])

    def when_ready(**_: Any) -> None:
        threading.Thread(target=announce, name="announce", daemon=True).start()

    def when_asked_to_stop(**_: Any) -> None:
        note_stopping()

    def when_stopping(**_: Any) -> None:
        sweeper.stop()
        signs.stop()

    signals.worker_process_init.connect(in_child, weak=False)
    signals.worker_ready.connect(when_ready, weak=False)
    signals.worker_shutting_down.connect(when_asked_to_stop, weak=False)
    signals.worker_shutdown.connect(when_stopping, weak=False)
    signals.setup_logging.connect(_leave_logging_unchanged, weak=False)
    if plan.with_parent:
        _stop_with_parent()
    arguments = ["--quiet", "worker", "--pool=prefork", "--concurrency=1", f"--queues={QUEUE_OF_ROLE[plan.role]}"]
    arguments += [
        "--without-gossip",
        "--without-mingle",
        f"--hostname={name.replace(':', '-')}@%h",
        "--loglevel=WARNING",
    ]
    try:
        app.worker_main(arguments)
    finally:
        if get_failure():
            raise SetupError(get_failure())


def ensure_live_profile(database: Database, settings: Settings) -> EmbeddingProfile:
    """Give the live profile, making the configured model the first one of an empty store.

    Raises `ProfileMismatch` for a model that was set by hand and that the store has no profile of: it is asked for in
    vain, and nobody should wonder why nothing changes.
    """
    with database.system() as session:
        live, known = profiles.find_live(session), profiles.list_models(session)
    if live is None:
        described = describe_configured_profile(settings)
        with database.system() as session:
            return profiles.add_first(session, described)
    wanted = find_configured_model(settings, known)
    if wanted in {"", live.model}:
        return live
    if wanted not in known:
        raise ProfileMismatch(
            f"The store was embedded with {live.model} ({live.dimensions} dimensions), this worker is set to {wanted};"
            f" it would mix two vector spaces, so it refuses. Set REFDESK_EMBEDDING_MODEL={live.model}; to change the"
            f" model, add it beside the live one: `refdesk profiles add NAME --model {wanted}`."
        )
    log.warning("REFDESK_EMBEDDING_MODEL is not the live profile's model", set_to=wanted, live=live.model)
    return live


def _start_child(plan: WorkerStartup, profile: EmbeddingProfile, name: str) -> None:
    database = Database(plan.database_url, application=f"refdesk {plan.role}", durable=False)
    try:
        parts = build_parts_cache(plan.settings, role=plan.role)
        parts.get(profile)
    except Exception as error:
        log.exception("worker cannot start")
        note_failure(str(error) or type(error).__name__)
        # Celery would fork such a child again for ever; the worker ends with the reason instead.
        os.kill(os.getppid(), signal.SIGTERM)
        time.sleep(CHILD_EXIT_DELAY_S)
        os._exit(1)
    runtime = Runtime(name, plan.settings, database, parts)
    if plan.role == "ingest":
        embedder = EmbedderThread(runtime)
        embedder.start()
        signals.worker_process_shutdown.connect(lambda **_: embedder.stop(), weak=False)
        runtime = replace(runtime, wake_embedder=embedder.wake)
    else:
        watcher = ProfileWatcher(runtime)
        watcher.start()
        signals.worker_process_shutdown.connect(lambda **_: watcher.stop(), weak=False)
    signals.worker_process_shutdown.connect(_stop_child, weak=False)
    set_runtime(runtime)
    note_ready()


def _stop_child(**_: Any) -> None:
    runtime = get_runtime()
    runtime.parts.close()
    runtime.database.close()


def _leave_logging_unchanged(**_: Any) -> None:
    """Leave logging as the entry point set it up: Celery does not touch it when this signal has a receiver."""


def _stop_with_parent() -> None:
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            threading.Event().wait(1.0)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
