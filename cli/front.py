"""What a command works with: servers, database, submitter and, where it needs them, workers of its own.

A command uses what is running already. What it had to start, it stops again at its end.
"""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cli.console import note
from config.embedded import ServerUrls, servers_for
from config.settings import Settings
from db import workers, workspaces
from db.engine import Database
from db.schema import migrate, require_schema
from pipeline.errors import SetupError
from tasks.startup import QUEUE_OF_ROLE, Role
from tasks.submit import Submitter

READY_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Front:
    """An open front end."""

    settings: Settings
    urls: ServerUrls
    database: Database
    submitter: Submitter

    def workspace(self, key: str) -> int:
        """Give the number of a workspace, adding it on first use."""
        with self.database.system() as session:
            return workspaces.ensure_workspace(session, key)


@contextmanager
def opened(settings: Settings, *, roles: Sequence[Role] = (), migrating: bool = False) -> Iterator[Front]:
    """Open servers and database, and see to it that a worker of each role is there."""
    with ExitStack() as stack:
        urls = stack.enter_context(servers_for(settings))
        if migrating or settings.database_url is None:
            migrate(urls.database_url)
        else:
            require_schema(urls.database_url)
        database = Database(urls.database_url, application="refdesk")
        stack.callback(database.close)
        missing = _missing_roles(database, roles)
        if missing:
            stack.enter_context(own_workers(settings, urls, database, missing))
        submitter = Submitter(database, urls.redis_url, expires_s=settings.job_expires_s)
        yield Front(settings, urls, database, submitter)


@contextmanager
def own_workers(settings: Settings, urls: ServerUrls, database: Database, roles: Sequence[Role]) -> Iterator[None]:
    """Run workers as child processes while inside, ready before the body starts; they stop with this process."""
    started = time.monotonic()
    note(f"starting {' and '.join(f'a {role} worker' for role in roles)} …")
    processes = {role: start_worker(settings, urls, role) for role in roles}
    try:
        for role, process in processes.items():
            wait_ready(database, role, process, log_path(settings, role))
        note(f"ready after {time.monotonic() - started:.1f} s")
        yield
    finally:
        stop_workers(list(processes.values()))


def start_worker(settings: Settings, urls: ServerUrls, role: Role) -> subprocess.Popen[bytes]:
    """Start one worker process; its lines go to a log file in the home folder."""
    environment = os.environ | {"DATABASE_URL": urls.database_url, "REDIS_URL": urls.redis_url}
    path = log_path(settings, role)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "cli.main", "worker", role, "--with-parent"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C reaches this process only, which then stops its workers in order
        )


def wait_ready(database: Database, role: Role, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a worker of the role takes messages; raises `SetupError` with the worker's own last words."""
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SetupError(f"The {role} worker ended at its start: {last_line(log)} (whole log: {log})")
        with database.system() as session:
            if workers.count_alive(session, QUEUE_OF_ROLE[role]):
                return
        time.sleep(0.1)
    raise SetupError(f"The {role} worker is not ready after {READY_TIMEOUT_S:.0f} s; its log is {log}.")


def stop_workers(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Stop workers: ask, wait, and end what does not listen; leases see to it that nothing is lost."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def log_path(settings: Settings, role: str) -> Path:
    """Name a worker's log file."""
    return settings.home / "log" / f"worker-{role}.log"


def last_line(path: Path) -> str:
    """Give the last line of a log, which is the sentence a failed worker ends with."""
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines() if path.exists() else []
    return lines[-1] if lines else "it left no word"


def requester() -> str:
    """Name who uses the command line."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _missing_roles(database: Database, roles: Sequence[Role]) -> list[Role]:
    with database.system() as session:
        return [role for role in roles if not workers.count_alive(session, QUEUE_OF_ROLE[role])]
