"""Workers that a command starts if none is running, and stops when it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING

from cli.console import print_note
from config.settings import Settings
from embedded.home import rotate_log, translate_os_errors
from embedded.servers import ServerUrls
from pipeline.errors import SetupError
from tasks.roles import QUEUE_OF_ROLE, Role

if TYPE_CHECKING:
    from db.engine import Database
    from db.models import WorkerRow

READY_TIMEOUT_S = 600.0
"""Includes the export of a model at the first start, which takes minutes on a busy machine."""
READY_POLL_S = 0.03
STOP_TIMEOUT_S = 20.0
MAX_LINE_BYTES = 10_000
MAX_STARTS = 3
"""Maximum starts of a role's worker per command."""


class TemporaryWorkers:
    """The workers started by one command."""

    def __init__(self, settings: Settings) -> None:
        """Store the settings; no worker is started yet."""
        self._settings = settings
        self._created = time.monotonic()
        self._processes: dict[Role, subprocess.Popen[bytes]] = {}
        self._starting: set[Role] = set()
        self._starts: dict[Role, int] = {}
        self._urls: ServerUrls
        self._database: Database

    def spawn(self, roles: Sequence[Role]) -> None:
        """Start workers before the servers run: they import their libraries and wait for `connect`."""
        for role in roles:
            self._spawn(role)

    def connect(self, urls: ServerUrls, database: Database) -> None:
        """Store the running servers and send their URLs to the spawned workers."""
        self._urls, self._database = urls, database
        for process in self._processes.values():
            send_urls(process, urls)

    def ensure(self, roles: Sequence[Role]) -> None:
        """Start a worker for each role that has none; raises `SetupError` if a worker cannot be started."""
        missing = [role for role in roles if role in self._starting or not running_workers(self._database, role)]
        if not missing:
            return
        started = self._created if self._starting else time.monotonic()
        print_note(f"starting {'workers' if len(missing) > 1 else 'a worker'} for {' and '.join(missing)} …")
        for role in missing:
            if role not in self._starting:
                send_urls(self._spawn(role), self._urls)
        for role in missing:
            wait_ready(self._database, role, self._processes[role], log_path(self._settings, role))
            self._starting.discard(role)
        print_note(f"ready after {time.monotonic() - started:.1f} s")

    def stop(self) -> None:
        """Stop the workers that this command started."""
        processes = list(self._processes.values())
        self._processes.clear()
        stop_workers(processes)

    def _spawn(self, role: Role) -> subprocess.Popen[bytes]:
        self._starts[role] = self._starts.get(role, 0) + 1
        if self._starts[role] > MAX_STARTS:
            log = log_path(self._settings, role)
            raise SetupError(f"The {role} worker keeps exiting: {last_line(log)} (log: {log})")
        if role in self._processes:
            stop_workers([self._processes[role]])
        self._starting.add(role)
        self._processes[role] = process = spawn_worker(self._settings, role)
        return process


def start_worker(settings: Settings, urls: ServerUrls, role: Role) -> subprocess.Popen[bytes]:
    """Start one worker process on running servers."""
    process = spawn_worker(settings, role)
    send_urls(process, urls)
    return process


def spawn_worker(settings: Settings, role: Role) -> subprocess.Popen[bytes]:
    """Start one worker process, which waits for `send_urls` and logs to a file in the home folder."""
    with open_log(settings, role) as log:
        return subprocess.Popen(
            [sys.executable, "-m", "cli.main", "worker", role, "--with-parent"],
            bufsize=0,  # nothing is left to send if the worker has exited
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C must reach only this process, which stops its workers cleanly
        )


def send_urls(process: subprocess.Popen[bytes], urls: ServerUrls) -> None:
    """Send the URLs of the servers to a worker process, which stops when its standard input is closed."""
    if process.stdin is not None:
        with suppress(BrokenPipeError):  # the worker has exited; `wait_ready` reports its last log line
            process.stdin.write(json.dumps(asdict(urls)).encode() + b"\n")


def receive_urls() -> ServerUrls | None:
    """Wait for the URLs from the parent process; return None if it ended without sending them."""
    line = sys.stdin.readline()
    return ServerUrls(**json.loads(line)) if line else None


def wait_ready(
    database: Database,
    role: Role,
    process: subprocess.Popen[bytes],
    log: Path,
    *,
    on_poll: Callable[[], object] = lambda: None,
) -> None:
    """Wait until the worker accepts messages, and call `on_poll` meanwhile.

    Raises:
        DatabaseUnavailable: The database is away; the worker may still become ready.
        SetupError: The worker has exited, with the reason.
    """
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SetupError(f"The {role} worker exited during startup: {describe_exit(process, log)} (log: {log})")
        if any(row.pid == process.pid for row in running_workers(database, role)):
            return
        on_poll()
        time.sleep(READY_POLL_S)
    raise SetupError(f"The {role} worker is not ready after {READY_TIMEOUT_S:.0f} s; see its log {log}.")


def stop_workers(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Stop workers: SIGTERM, wait, then SIGKILL. Leases ensure that no job is lost."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    deadline = time.monotonic() + STOP_TIMEOUT_S
    try:
        for process in processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
    finally:  # a second Ctrl-C ends the wait
        for process in processes:
            _kill_group(process)


def running_workers(database: Database, role: Role) -> list[WorkerRow]:
    """Return the running workers of a role, without those of this host whose process has ended."""
    from db import workers

    here = socket.gethostname()
    with database.system() as session:
        alive = workers.list_alive(session, QUEUE_OF_ROLE[role])
    return [row for row in alive if row.host != here or _process_exists(row.pid)]


def log_path(settings: Settings, role: str) -> Path:
    """Return the log file of a role."""
    return settings.servers.home / "log" / ("bot.log" if role == "bot" else f"worker-{role}.log")


def open_log(settings: Settings, role: str) -> IO[bytes]:
    """Open the log file of a role for appending; one above 10 MB becomes `.log.1`, as those of the servers do."""
    path = log_path(settings, role)
    with translate_os_errors(settings.servers.home):
        path.parent.mkdir(parents=True, exist_ok=True)
        rotate_log(path)
        return path.open("ab")


def describe_exit(process: subprocess.Popen[bytes], log: Path) -> str:
    """Return why a worker exited: the signal, because a killed process logs no reason, or the last line of its log."""
    status = process.returncode
    return f"killed by signal {-status}" if status < 0 else last_line(log)


def last_line(path: Path) -> str:
    """Return the last line of a log: the error message of a failed worker."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - MAX_LINE_BYTES))
            lines = log.read().decode("utf-8", "replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1] if lines else "no output"


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a worker with its model and parser children. Each worker leads its own process group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _process_exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
