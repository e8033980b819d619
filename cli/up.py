"""`refdesk up`: run servers, workers and bot until Ctrl-C."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType
from typing import Literal, cast

import structlog
import typer

from cli import context as cli_context
from cli import temporary_workers
from cli.bot import MISCONFIGURED, require_bot, start_bot
from cli.console import print_line, print_note
from cli.metrics import serve_store_metrics
from config.redis_server import read_redis_version
from config.settings import Settings
from db import workers
from db.engine import Database
from db.schema import migrate
from db.sweep import expire_leases
from embedded.servers import ServerUrls, open_servers, restart_servers
from pipeline.errors import DatabaseUnavailable, RefdeskError, SetupError
from tasks.roles import Role

log = structlog.get_logger(__name__)

ROLES: tuple[Role, ...] = ("query", "ingest")
RESTART_PAUSES_S = (1, 2, 5, 10, 20)
STABLE_AFTER_S = 120.0
"""Seconds that a process must run before its restart delay is reset."""
POLL_S = 0.5
SERVER_POLL_S = 2.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("up")(up)


def up() -> None:
    """Run everything until Ctrl-C: servers, schema, workers, and the Discord bot if DISCORD_TOKEN is set.

    Uses the embedded PostgreSQL and Redis unless DATABASE_URL and REDIS_URL are set. A process that dies is restarted.
    Ctrl-C stops everything cleanly; queued jobs continue at the next start.
    """
    settings = cli_context.start_command()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _interrupt_once)
    with suppress(KeyboardInterrupt), open_servers(settings) as urls:
        print_note("starting …")
        migrate(urls.database_url)
        read_redis_version(urls.redis_url)
        database = Database(urls.database_url)
        monitoring = serve_store_metrics(settings, urls)
        try:
            _supervise(settings, urls, database)
        finally:
            if monitoring is not None:
                monitoring.close()
            database.close()
    print_line("stopped")


def _interrupt_once(_number: int, _frame: FrameType | None) -> None:
    # A clean stop takes a moment; a second signal must not interrupt it.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


@dataclass(slots=True)
class SupervisedProcess:
    """A supervised process: the current instance and its restart schedule."""

    role: Role | Literal["bot"]
    process: subprocess.Popen[bytes]
    started: float
    deaths: int = 0
    start_at: float | None = None
    """When to start the next instance; None while one is running."""
    given_up: bool = False
    """Whether restarting is pointless because the settings are invalid."""

    def schedule_restart(self, now: float) -> float:
        """Record that the process died and schedule the next one; return the pause in seconds."""
        if now - self.started >= STABLE_AFTER_S:
            self.deaths = 0
        pause = RESTART_PAUSES_S[min(self.deaths, len(RESTART_PAUSES_S) - 1)]
        self.deaths += 1
        self.start_at = now + pause
        return pause


class SupervisedServers:
    """The embedded servers: restarted when they have ended, however long that fails."""

    def __init__(self, settings: Settings) -> None:
        """Store the settings; nothing is checked yet."""
        self._settings = settings
        self._check_at = 0.0
        self._problem = ""

    def restart_ended(self, *, at_once: bool = False) -> bool:
        """Check the servers if a check is due or `at_once`, and return whether one was restarted."""
        if time.monotonic() < self._check_at and not at_once:
            return False
        restarted: tuple[str, ...] = ()
        try:
            restarted = restart_servers(self._settings)
        except (RefdeskError, OSError) as error:
            if str(error) != self._problem:
                log.warning("servers cannot be restarted, trying again", error=str(error))
            self._problem = str(error)
        else:
            self._problem = ""
            if restarted:
                log.warning("servers had ended and were restarted", servers=restarted)
        self._check_at = time.monotonic() + SERVER_POLL_S
        return bool(restarted)


def _supervise(settings: Settings, urls: ServerUrls, database: Database) -> None:
    processes: list[SupervisedProcess] = []
    servers = SupervisedServers(settings)
    try:
        processes.extend(
            SupervisedProcess(role, temporary_workers.start_worker(settings, urls, role), time.monotonic())
            for role in ROLES
        )
        for supervised in processes:
            _wait_ready(settings, urls, database, servers, supervised)
        if _can_run_bot(settings):
            processes.append(SupervisedProcess("bot", _start_process(settings, urls, "bot"), time.monotonic()))
        print_line(f"refdesk is up: data and logs in {settings.servers.home}; stop with Ctrl-C")
        while True:
            time.sleep(POLL_S)
            servers.restart_ended()
            for supervised in processes:
                _restart_if_ended(settings, urls, supervised, database)
    finally:
        temporary_workers.stop_workers([supervised.process for supervised in processes])
        print_note("all processes stopped")


def _wait_ready(
    settings: Settings, urls: ServerUrls, database: Database, servers: SupervisedServers, supervised: SupervisedProcess
) -> None:
    """Wait for a worker, and start it again if it ended because a server had.

    Raises:
        SetupError: The worker for questions cannot start; without it, no question can be answered.
    """
    role = cast("Role", supervised.role)
    log_path = temporary_workers.log_path(settings, role)
    had_outage = False
    while True:
        try:
            temporary_workers.wait_ready(database, role, supervised.process, log_path, on_poll=servers.restart_ended)
        except DatabaseUnavailable as error:
            if not had_outage:
                log.warning("waiting for the database", error=str(error))
            had_outage = True
            servers.restart_ended(at_once=True)
            time.sleep(POLL_S)
        except SetupError as error:
            if servers.restart_ended(at_once=True) or had_outage:
                had_outage = False
                temporary_workers.stop_workers([supervised.process])
                supervised.process = temporary_workers.start_worker(settings, urls, role)
                supervised.started = time.monotonic()
                continue
            if role == "query":
                raise
            # Questions need no ingest worker, and work by keywords without the embedding model, which documents need.
            print_note(f"No documents are added until this is fixed; the worker is restarted. {error}", "yellow")
            return
        else:
            return


def _can_run_bot(settings: Settings) -> bool:
    if settings.discord.token is None:
        return False
    try:
        require_bot(settings)
    except SetupError as error:
        print_note(f"The bot is not running: {error}", "yellow")
        return False
    return True


def _start_process(settings: Settings, urls: ServerUrls, role: Role | Literal["bot"]) -> subprocess.Popen[bytes]:
    if role != "bot":
        return temporary_workers.start_worker(settings, urls, role)
    with temporary_workers.open_log(settings, role) as log:
        return start_bot(urls, log.fileno())


def _restart_if_ended(settings: Settings, urls: ServerUrls, supervised: SupervisedProcess, database: Database) -> None:
    now = time.monotonic()
    if supervised.given_up:
        return
    if supervised.start_at is None and supervised.process.poll() is not None:
        temporary_workers.stop_workers([supervised.process])  # kill remaining child processes
        _expire_leases(database, supervised.process.pid)
        words = temporary_workers.last_line(temporary_workers.log_path(settings, supervised.role))
        if supervised.role == "bot" and supervised.process.returncode == MISCONFIGURED:
            supervised.given_up = True
            print_note(f"The bot is not running: {words}", "yellow")
            return
        pause_s = supervised.schedule_restart(now)
        log.warning(
            "process ended",
            role=supervised.role,
            status=supervised.process.returncode,
            restart_in_s=pause_s,
            last_line=words,
        )
    if supervised.start_at is not None and now >= supervised.start_at:
        try:
            process = _start_process(settings, urls, supervised.role)
        except (RefdeskError, OSError) as error:  # no room on the disk for its log, or no memory for a process
            pause_s = supervised.schedule_restart(now)
            log.warning("process not restarted", role=supervised.role, error=str(error), restart_in_s=pause_s)
            return
        supervised.process, supervised.started, supervised.start_at = process, now, None
        log.info("process restarted", role=supervised.role)


def _expire_leases(database: Database, pid: int) -> None:
    """Let the next sweep queue the jobs of a worker that ended, instead of when its leases expire."""
    try:
        with database.system() as session:
            for worker in workers.list_of_process(session, socket.gethostname(), pid):
                expire_leases(session, worker)
                workers.delete(session, worker)
    except DatabaseUnavailable:
        log.warning("the jobs of the ended worker continue when their leases expire", pid=pid)
