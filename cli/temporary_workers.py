"""Workers that a command starts because none runs, keeps alive while it needs them, and stops at its end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cli.console import note
from config.settings import Settings
from db import workers
from db.engine import Database
from db.models import WorkerRow
from embedded.home import translate_os_errors
from embedded.servers import ServerUrls
from pipeline.errors import SetupError
from tasks.startup import QUEUE_OF_ROLE, Role

READY_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 20.0
MAX_STARTS = 3
"""How often one command starts a worker of a role before it gives up."""


class TemporaryWorkers:
    """The workers of one command."""

    def __init__(self, settings: Settings, urls: ServerUrls, database: Database) -> None:
        """Start nothing yet."""
        self._settings = settings
        self._urls = urls
        self._database = database
        self._processes: dict[Role, subprocess.Popen[bytes]] = {}
        self._starts: dict[Role, int] = {}

    def ensure(self, roles: Sequence[Role]) -> None:
        """See to it that a worker of each role lives, whoever started it; raises `SetupError` when none will."""
        missing = [role for role in roles if not living_workers(self._database, role)]
        if not missing:
            return
        started = time.monotonic()
        note(f"starting {'workers' if len(missing) > 1 else 'a worker'} for {' and '.join(missing)} …")
        for role in missing:
            self._start(role)
        for role in missing:
            wait_ready(self._database, role, self._processes[role], log_path(self._settings, role))
        note(f"ready after {time.monotonic() - started:.1f} s")

    def stop(self) -> None:
        """Stop what was started here."""
        stop_workers(list(self._processes.values()))

    def _start(self, role: Role) -> None:
        self._starts[role] = self._starts.get(role, 0) + 1
        if self._starts[role] > MAX_STARTS:
            log = log_path(self._settings, role)
            raise SetupError(f"The {role} worker keeps dying: {last_line(log)} (whole log: {log})")
        if role in self._processes:
            stop_workers([self._processes[role]])
        self._processes[role] = start_worker(self._settings, self._urls, role)


def start_worker(settings: Settings, urls: ServerUrls, role: Role) -> subprocess.Popen[bytes]:
    """Start one worker process; its lines go to a log file in the home folder."""
    environment = os.environ | {"DATABASE_URL": urls.database_url, "REDIS_URL": urls.redis_url}
    path = log_path(settings, role)
    with translate_os_errors(settings.servers.home):
        path.parent.mkdir(parents=True, exist_ok=True)
        log = path.open("ab")
    with log:
        return subprocess.Popen(
            [sys.executable, "-m", "cli.main", "worker", role, "--with-parent"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C reaches this process only, which then stops its workers in order
        )


def wait_ready(database: Database, role: Role, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until this worker takes messages; raises `SetupError` with the worker's own last words."""
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SetupError(f"The {role} worker ended at its start: {last_line(log)} (whole log: {log})")
        if any(row.pid == process.pid for row in living_workers(database, role)):
            return
        time.sleep(0.1)
    raise SetupError(f"The {role} worker is not ready after {READY_TIMEOUT_S:.0f} s; its log is {log}.")


def stop_workers(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Stop workers: ask, wait, and end what does not listen; leases see to it that nothing is lost."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    deadline = time.monotonic() + STOP_TIMEOUT_S
    try:
        for process in processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
    finally:  # a second Ctrl-C comes here too: then nobody wants to wait
        for process in processes:
            _end_group(process)


def living_workers(database: Database, role: Role) -> list[WorkerRow]:
    """Find the workers of a role; one killed on this machine moments ago does not count, though its row is fresh."""
    here = socket.gethostname()
    with database.system() as session:
        found = workers.list_alive(session, QUEUE_OF_ROLE[role])
    return [row for row in found if row.host != here or _exists(row.pid)]


def log_path(settings: Settings, role: str) -> Path:
    """Name a worker's log file."""
    return settings.servers.home / "log" / ("bot.log" if role == "bot" else f"worker-{role}.log")


def last_line(path: Path) -> str:
    """Give the last line of a log, which is the sentence a failed worker ends with."""
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines() if path.exists() else []
    return lines[-1] if lines else "it left no word"


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a worker with its model and parser children; each worker leads a process group of its own."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
