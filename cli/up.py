"""`refdesk up`: everything in one place, until Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType
from typing import Literal

import structlog
import typer

from cli import context as front
from cli import temporary_workers as own_workers
from cli.bot import MISCONFIGURED, require_bot, start_bot
from cli.console import note, say
from config.checks import read_redis_version
from config.settings import Settings
from db.engine import Database
from db.schema import migrate
from embedded.servers import ServerUrls, open_servers
from pipeline.errors import SetupError
from tasks.startup import Role

log = structlog.get_logger(__name__)

ROLES: tuple[Role, ...] = ("query", "ingest")
RESTART_PAUSES_S = (1, 2, 5, 10, 30, 60)
LONG_LIFE_S = 120.0
"""A worker that lived this long died of something new: its pauses start over."""
LOOK_S = 0.5


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("up")(up)


def up() -> None:
    """Run everything until Ctrl-C: servers, schema, workers, and the Discord bot if DISCORD_TOKEN is set.

    PostgreSQL and Redis come embedded unless DATABASE_URL and REDIS_URL name others. A process that dies is started
    again. Ctrl-C stops all of it cleanly; what was queued goes on at the next start.
    """
    settings = front.begin()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _stop)
    with suppress(KeyboardInterrupt), open_servers(settings) as urls:
        note("starting …")
        migrate(urls.database_url)
        read_redis_version(urls.redis_url)
        database = Database(urls.database_url)
        try:
            _supervise(settings, urls, database)
        finally:
            database.close()
    say("stopped")


def _stop(_number: int, _frame: FrameType | None) -> None:
    # Once is enough: stopping in order takes a moment, and a second signal must not cut it short.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


@dataclass(slots=True)
class SupervisedProcess:
    """One process's place: who holds it now, and how often it had to be filled again."""

    role: Role | Literal["bot"]
    process: subprocess.Popen[bytes]
    started: float
    deaths: int = 0
    start_at: float | None = None
    """When the next one starts; None while one lives."""
    given_up: bool = False
    """Nobody starts it again: its settings are wrong."""

    def bury(self, now: float) -> float:
        """Note that the process died; gives the pause before the next one."""
        if now - self.started >= LONG_LIFE_S:
            self.deaths = 0
        pause = RESTART_PAUSES_S[min(self.deaths, len(RESTART_PAUSES_S) - 1)]
        self.deaths += 1
        self.start_at = now + pause
        return pause


def _supervise(settings: Settings, urls: ServerUrls, database: Database) -> None:
    posts: list[SupervisedProcess] = []
    try:
        posts.extend(
            SupervisedProcess(role, own_workers.start_worker(settings, urls, role), time.monotonic()) for role in ROLES
        )
        for role, post in zip(ROLES, posts, strict=True):
            own_workers.wait_ready(database, role, post.process, own_workers.log_path(settings, role))
        if _wants_bot(settings):
            posts.append(SupervisedProcess("bot", _start(settings, urls, "bot"), time.monotonic()))
        say(f"refdesk is up: data and logs in {settings.servers.home}; stop with Ctrl-C")
        while True:
            time.sleep(LOOK_S)
            for post in posts:
                _look_after(settings, urls, post)
    finally:
        own_workers.stop_workers([post.process for post in posts])
        note("all processes stopped")


def _wants_bot(settings: Settings) -> bool:
    if settings.discord.token is None:
        return False
    try:
        require_bot(settings)
    except SetupError as error:
        note(f"the bot does not run: {error}", "yellow")
        return False
    return True


def _start(settings: Settings, urls: ServerUrls, role: Role | Literal["bot"]) -> subprocess.Popen[bytes]:
    if role != "bot":
        return own_workers.start_worker(settings, urls, role)
    with own_workers.log_path(settings, role).open("ab") as log:
        return start_bot(urls, log.fileno())


def _look_after(settings: Settings, urls: ServerUrls, post: SupervisedProcess) -> None:
    now = time.monotonic()
    if post.given_up:
        return
    if post.start_at is None and post.process.poll() is not None:
        own_workers.stop_workers([post.process])  # its children, should any be left
        words = own_workers.last_line(own_workers.log_path(settings, post.role))
        if post.role == "bot" and post.process.returncode == MISCONFIGURED:
            post.given_up = True
            note(f"the bot does not run: {words}", "yellow")
            return
        pause_s = post.bury(now)
        log.warning(
            "process ended", role=post.role, status=post.process.returncode, next_in_s=pause_s, last_words=words
        )
    if post.start_at is not None and now >= post.start_at:
        post.process, post.started, post.start_at = _start(settings, urls, post.role), now, None
        log.info("process started again", role=post.role)
