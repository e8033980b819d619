"""Start a worker: check, load the models, then start the heartbeat and the sweeper.

A query worker is one process whose threads answer questions. An ingest worker has a parent and a child, so that a crash
of a native library in the child is repaired by the parent at once.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import structlog
from celery import signals

from config.concurrency import describe_concurrency
from config.cross_encoders import CrossEncoderChoice, read_choice
from config.embedding import describe_configured_profile, find_configured_model
from config.profile_parts import build_parts_cache
from config.settings import Settings
from config.wiring import build_shared, list_working_rerankers
from db import profiles, sweep
from db.engine import Database
from db.schema import require_schema
from db.workers import WorkerStatus
from monitoring.traces import flush
from pipeline.errors import DatabaseUnavailable, ProfileMismatch, SetupError
from pipeline.types import EmbeddingProfile
from tasks.app import app, configure, enable_monitoring
from tasks.consumer_watchdog import ConsumerWatchdog
from tasks.embed import EmbedderThread
from tasks.keyword_index import KeywordIndexThread
from tasks.lease import release_running
from tasks.profiles import ProfileWatcher
from tasks.roles import QUEUE_OF_ROLE, Role
from tasks.runtime import Runtime, build_worker_name, find_live_profile, get_runtime, set_runtime
from tasks.submit import Submitter
from tasks.sweep import Sweeper
from tasks.worker_heartbeat import (
    WorkerHeartbeat,
    get_failure,
    is_ready,
    is_stopping,
    note_failure,
    note_loading,
    note_ready,
    note_stopping,
)
from tasks.worker_metrics import WorkerMonitor

ListRerankers = Callable[[], tuple[str, ...]]
"""Returns the rerankers that work now."""

log = structlog.get_logger(__name__)

STOP_TIMEOUT_S = 20.0
"""Seconds after which a stopping worker ends, even if it still waits for Redis or PostgreSQL."""
CHILD_EXIT_DELAY_S = 3.0
"""Seconds that a child that could not start waits for its parent to stop."""
INGEST_NICE = 10
"""Added to the nice value of an ingest worker with its parser, so that questions on the same machine go first."""


@dataclass(frozen=True, slots=True)
class WorkerStartup:
    """The arguments for starting a worker process."""

    role: Role
    settings: Settings
    database_url: str
    broker_url: str
    with_parent: bool = False
    """Stop when the process that started this one has ended or has closed this one's standard input."""
    monitoring: bool = False
    """Send Celery's events and accept its remote control."""


def run_worker(startup: WorkerStartup) -> None:
    """Run a worker in this process until it is stopped."""
    if startup.with_parent:
        _stop_with_parent()
    # Not `app.worker_main`: Celery's command line takes 0.2 s to import.
    worker = app.Worker(startup=startup, loglevel="WARNING", quiet=True)
    try:
        worker.start()
    finally:
        if get_failure():
            raise SetupError(get_failure())
    if worker.exitcode:
        raise SetupError("The worker stopped because of an unexpected error; its log contains the reason.")


def prepare_worker(startup: WorkerStartup) -> dict[str, Any]:
    """Check the servers, load the models and connect the signals; return the options of Celery's worker."""
    require_schema(startup.database_url)
    database = Database(startup.database_url, application=f"refdesk worker {startup.role}")
    profile = ensure_live_profile(database, startup.settings)
    configure(startup.broker_url)
    if startup.monitoring:
        enable_monitoring()
    monitor = WorkerMonitor()
    monitor.serve(startup.settings, startup.role, startup.database_url, startup.broker_url)
    name = build_worker_name(startup.role)
    submitter = Submitter(database, startup.broker_url, expires_s=startup.settings.jobs.message_expires_s)
    status = WorkerStatus(
        name, startup.role, (QUEUE_OF_ROLE[startup.role],), socket.gethostname(), os.getpid(), profile.model
    )
    start = _start_threads if startup.role == "query" else _start_with_child
    concurrency, list_rerankers = start(startup, profile, name)
    heartbeat = WorkerHeartbeat(database, replace(status, concurrency=concurrency), list_rerankers)
    monitor.watch(heartbeat)
    watchdog = ConsumerWatchdog(database, name, QUEUE_OF_ROLE[startup.role], _end_with_failure)
    sweeper = Sweeper(database, submitter, startup.settings, watchdog)

    def announce() -> None:
        # Celery reports ready while its child still loads the models; the worker counts as running only afterwards.
        while not is_ready():
            if is_stopping():
                return
            time.sleep(0.05)
        heartbeat.start()
        sweeper.start()
        log.info("worker ready", worker=name, queue=QUEUE_OF_ROLE[startup.role])

    def on_ready(**_: Any) -> None:
        threading.Thread(target=announce, name="announce", daemon=True).start()

    def on_shutting_down(**_: Any) -> None:
        note_stopping()
        threading.Thread(target=_exit_after_timeout, name="stop-timeout", daemon=True).start()

    def on_shutdown(**_: Any) -> None:
        sweeper.stop()
        heartbeat.stop()

    signals.worker_ready.connect(on_ready, weak=False)
    signals.worker_shutting_down.connect(on_shutting_down, weak=False)
    signals.worker_shutdown.connect(on_shutdown, weak=False)
    signals.setup_logging.connect(_leave_logging_unchanged, weak=False)
    return {
        "hostname": f"{name.replace(':', '-')}@{socket.gethostname()}",
        "queues": [QUEUE_OF_ROLE[startup.role]],
        "concurrency": concurrency,
        "pool": "tasks.question_pool:QuestionPool" if startup.role == "query" else "prefork",
        "without_gossip": True,
        "without_heartbeat": not startup.monitoring,  # events for Celery's tools
        "without_mingle": True,
    }


def _end_with_failure(reason: str) -> None:
    """Stop this worker; it ends with status 1, so that a supervisor starts it again."""
    log.error("the worker ends", reason=reason)
    note_failure(reason)
    os.kill(os.getpid(), signal.SIGTERM)


def _exit_after_timeout() -> None:
    """End this process and its children: Celery waits without limit for a broker that does not respond."""
    time.sleep(STOP_TIMEOUT_S)
    log.warning("stopping took too long; the leases of the remaining jobs expire", limit_s=STOP_TIMEOUT_S)
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    logging.shutdown()
    os._exit(1 if get_failure() else 0)


def exit_without_waiting() -> None:
    """End the process now if threads still wait, for example for a language model; their jobs are released."""
    if any(not thread.daemon and thread is not threading.main_thread() for thread in threading.enumerate()):
        logging.shutdown()
        sys.stdout.flush()
        os._exit(0)


def ensure_live_profile(database: Database, settings: Settings) -> EmbeddingProfile:
    """Return the live profile; add the configured model as the first profile of an empty store.

    Raises:
        ProfileMismatch: REFDESK_EMBEDDING_MODEL is set to a model that no profile has, so it would have no effect.
    """
    with database.system() as session:
        live, known = profiles.find_live(session), profiles.list_models(session)
    if live is None:
        described = describe_configured_profile(settings)
        with database.system() as session:
            return profiles.add_first(session, described)
    configured = find_configured_model(settings, known)
    if configured in {"", live.model}:
        return live
    if configured not in known:
        raise ProfileMismatch(
            f"REFDESK_EMBEDDING_MODEL is {configured}, but the store is embedded with {live.model} ({live.dimensions}"
            f" dimensions). Set REFDESK_EMBEDDING_MODEL={live.model}, or add a profile with the new model:"
            f" `refdesk profiles add NAME --model {configured}`."
        )
    log.warning(
        "REFDESK_EMBEDDING_MODEL differs from the model of the live profile", setting=configured, live=live.model
    )
    return live


def _start_threads(startup: WorkerStartup, profile: EmbeddingProfile, name: str) -> tuple[int, ListRerankers]:
    """Load the models in this process, whose threads answer the questions; return their number and the rerankers."""
    # Until Celery has its own handler, a stopped worker must still stop the servers that it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        shared = build_shared(startup.settings, _choose_cross_encoder(startup))
        parts = build_parts_cache(startup.settings, role=startup.role, shared=shared)
        parts.get_answers(profile)
    except Exception as error:
        log.exception("the worker could not start")
        raise SetupError(str(error) or type(error).__name__) from error
    allowed = describe_concurrency(startup.settings, startup.database_url)
    if allowed.reason:
        log.warning(
            "fewer questions are answered at once; the others wait in the queue",
            questions=allowed.questions,
            setting=startup.settings.jobs.query_concurrency,
            reason=allowed.reason,
        )
    database = Database(
        startup.database_url,
        application=f"refdesk {startup.role}",
        pool_size=allowed.questions,
        durable=False,
    )
    runtime = Runtime(name, startup.settings, database, parts)
    watcher = ProfileWatcher(runtime)
    watcher.start()

    def stop(**_: Any) -> None:
        release_running()
        watcher.stop()
        _stop_child()

    set_runtime(runtime)
    note_ready()
    signals.worker_shutdown.connect(stop, weak=False)

    def list_rerankers() -> tuple[str, ...]:
        live = find_live_profile(runtime)  # another one than at the start after a switch
        return list_working_rerankers(startup.settings, live if live.id in parts.loaded() else None, shared)

    return allowed.questions, list_rerankers


def _choose_cross_encoder(startup: WorkerStartup) -> CrossEncoderChoice:
    database = Database(startup.database_url, application=f"refdesk {startup.role}")
    try:
        return read_choice(startup.settings, database)
    finally:
        database.close()


def _start_with_child(startup: WorkerStartup, profile: EmbeddingProfile, name: str) -> tuple[int, ListRerankers]:
    """Let Celery fork a child that loads the models and ingests; return the number of children, and no rerankers."""
    _lower_priority()

    # The parent must not import a model library: a forked child would inherit its threads and locks.
    def start_child(**_: Any) -> None:
        _start_child(startup, profile, name)

    signals.worker_process_init.connect(start_child, weak=False)
    return 1, tuple


def _lower_priority() -> None:
    """Give questions on the same machine the CPU first."""
    os.nice(INGEST_NICE)
    # Linux shares the CPU between sessions first, each with a nice value of its own, and a worker is a session.
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(INGEST_NICE), encoding="ascii")


def _start_child(startup: WorkerStartup, profile: EmbeddingProfile, name: str) -> None:
    database = Database(startup.database_url, application=f"refdesk {startup.role}", durable=False)
    _expire_leases(database, name)
    note_loading()
    try:
        parts = build_parts_cache(startup.settings, role=startup.role)
        parts.get(profile)
    except Exception as error:
        log.exception("the worker could not start")
        note_failure(str(error) or type(error).__name__)
        # Celery would fork the child again in an endless loop; the worker reports the reason and ends instead.
        os.kill(os.getppid(), signal.SIGTERM)
        time.sleep(CHILD_EXIT_DELAY_S)
        os._exit(1)
    runtime = Runtime(name, startup.settings, database, parts)
    embedder = EmbedderThread(runtime)
    embedder.start()
    signals.worker_process_shutdown.connect(lambda **_: embedder.stop(), weak=False)
    keyword_index = KeywordIndexThread(database)
    keyword_index.start()
    signals.worker_process_shutdown.connect(lambda **_: keyword_index.stop(), weak=False)
    signals.worker_process_shutdown.connect(_stop_child, weak=False)
    set_runtime(replace(runtime, wake_embedder=embedder.wake))
    note_ready()


def _expire_leases(database: Database, name: str) -> None:
    """Let the sweeper end the leases of a child that died before this one, without waiting until they expire."""
    try:
        with database.system() as session:
            expired = sweep.expire_leases(session, name)
    except DatabaseUnavailable as error:
        log.warning("the leases of the previous child expire later", error=str(error))
        return
    if expired:
        log.warning("a child process of this worker died", jobs=expired)


def _stop_child(**_: Any) -> None:
    flush()
    runtime = get_runtime()
    runtime.parts.close()
    runtime.database.close()


def _leave_logging_unchanged(**_: Any) -> None:
    """Prevent Celery from configuring logging, which it does unless this signal has a receiver."""


def _stop_with_parent() -> None:
    """Stop this process at the end of its standard input, a pipe that the kernel closes when the parent ends."""
    standard_input = os.dup(0)  # Celery replaces the original in its children

    def watch() -> None:
        while os.read(standard_input, 1):
            continue
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
