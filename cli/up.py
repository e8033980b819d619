"""`refdesk up`: everything in one place, until Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from types import FrameType

import structlog
import typer

from cli import front
from cli.console import say
from config import settings as configuration
from config.embedded import ServerUrls, servers_for
from config.logging import set_up_logging
from config.settings import Settings
from db.engine import Database
from db.schema import migrate
from tasks.startup import Role

log = structlog.get_logger(__name__)

ROLES: tuple[Role, ...] = ("query", "ingest")
RESTART_PAUSES_S = (1, 2, 5, 10, 30, 60)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("up")(up)


def up() -> None:
    """Run everything until Ctrl-C: servers, schema and workers.

    PostgreSQL and Redis come embedded unless DATABASE_URL and REDIS_URL name others. A worker that dies is started
    again. Ctrl-C stops all of it cleanly; what was queued goes on at the next start.
    """
    settings = configuration.load()
    set_up_logging(settings)
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    with servers_for(settings) as urls:
        migrate(urls.database_url)
        database = Database(urls.database_url)
        try:
            _supervise(settings, urls, database, stop)
        finally:
            database.close()
    say("stopped")


def _supervise(settings: Settings, urls: ServerUrls, database: Database, stop: threading.Event) -> None:
    processes = {role: front.start_worker(settings, urls, role) for role in ROLES}
    try:
        for role, process in processes.items():
            front.wait_ready(database, role, process, front.log_path(settings, role))
        say(f"refdesk is up: data and logs in {settings.home}; stop with Ctrl-C")
        deaths = dict.fromkeys(ROLES, 0)
        while not stop.wait(1.0):
            for role, process in list(processes.items()):
                if process.poll() is not None:
                    processes[role] = _restart(settings, urls, role, process, deaths, stop)
    finally:
        front.stop_workers(list(processes.values()))


def _restart(
    settings: Settings,
    urls: ServerUrls,
    role: Role,
    process: subprocess.Popen[bytes],
    deaths: dict[Role, int],
    stop: threading.Event,
) -> subprocess.Popen[bytes]:
    pause = RESTART_PAUSES_S[min(deaths[role], len(RESTART_PAUSES_S) - 1)]
    deaths[role] += 1
    log.warning("worker ended, starting it again", role=role, status=process.returncode, pause_s=pause)
    stop.wait(pause)
    started = time.monotonic()
    fresh = front.start_worker(settings, urls, role)
    if time.monotonic() - started > RESTART_PAUSES_S[-1]:
        deaths[role] = 0
    return fresh
