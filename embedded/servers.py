"""The embedded servers: PostgreSQL and Redis in one home folder, shared by all processes that use it.

Sharing is based on two file locks. A process holds the start lock while it starts or stops servers, and a shared users
lock while it uses them. A process that can make its users lock exclusive is the last user and stops the servers. The
kernel releases both locks when a process ends, so a killed command only leaves running servers, which the next command
adopts.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from embedded.home import START_LOCK, USERS_LOCK, ServerHome, prepare_home, translate_os_errors, try_acquire_lock
from embedded.postgres import EmbeddedPostgres
from embedded.redis import EmbeddedRedis

if TYPE_CHECKING:
    from config.settings import Settings


@dataclass(frozen=True, slots=True)
class ServerUrls:
    """URLs of the servers; empty for a server that was not requested."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    """In the form that kombu expects; `config.redis_urls.to_client_url` converts it for the Redis client."""


class EmbeddedServers:
    """The servers of one home folder, which run while the `with` block runs."""

    def __init__(self, home: Path, *, with_postgres: bool = True, with_redis: bool = True) -> None:
        """Choose the servers; nothing starts before the `with` block."""
        self._path = home.absolute()
        self._with_postgres = with_postgres
        self._with_redis = with_redis
        self._home: ServerHome | None = None
        self._users_lock: int | None = None

    def __enter__(self) -> ServerUrls:
        """Start the servers, or adopt running ones."""
        self._home = prepare_home(self._path)
        postgres, redis = EmbeddedPostgres(self._home), EmbeddedRedis(self._home)
        with translate_os_errors(self._path), self._home.hold_start_lock():
            self._users_lock = self._home.acquire_users_lock()
            try:
                with _running(redis.start if self._with_redis else None):
                    if self._with_postgres:
                        postgres.start()
            except BaseException:
                self._release(self._home)
                raise
            return ServerUrls(
                database_url=postgres.url if self._with_postgres else "",
                redis_url=redis.url if self._with_redis else "",
            )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Release the servers; the last user stops them."""
        if self._home is None or self._users_lock is None:
            return
        # A deleted home has no lock to wait for, but its servers still have to stop.
        start_lock = self._home.hold_start_lock() if self._path.exists() else nullcontext()
        with translate_os_errors(self._path), start_lock:
            self._release(self._home)

    def _release(self, home: ServerHome) -> None:
        users_lock, self._users_lock = self._users_lock, None
        if users_lock is None:
            return
        try:
            if try_acquire_lock(users_lock, fcntl.LOCK_EX):
                with _running(EmbeddedRedis(home).stop):
                    EmbeddedPostgres(home).stop()
                home.remove_alias()
        finally:
            os.close(users_lock)


def are_in_use(home: Path) -> bool:
    """Return whether a process uses the embedded servers of a home folder. Every worker on these servers is one."""
    with ExitStack() as stack:
        # With the start lock: a process that stops the servers must not take this check for another user.
        for name in (START_LOCK, USERS_LOCK):
            try:
                handle = os.open(home / name, os.O_RDWR | os.O_CLOEXEC)
            except FileNotFoundError:
                return False
            except OSError:
                return True
            stack.callback(os.close, handle)
            if not try_acquire_lock(handle, fcntl.LOCK_EX):
                return True
        return False


@contextmanager
def _running(step: Callable[[], None] | None) -> Iterator[None]:
    """Run a step on a thread during the `with` block, and wait for it even if the block fails or is interrupted."""
    with ThreadPoolExecutor(1) as pool:
        # The pool does not wait for a thread whose start was interrupted, so the thread starts before the step does.
        pool.submit(int).result()
        running = pool.submit(step) if step else None
        yield
    if running:
        running.result()


def restart_servers(settings: Settings) -> tuple[str, ...]:
    """Restart the embedded servers that have ended, for a process that uses them, and return their names.

    Raises:
        SetupError: A server does not start, for example because the disk is full.
    """
    path = settings.servers.home.absolute()
    home = prepare_home(path)
    servers: list[tuple[str, EmbeddedPostgres | EmbeddedRedis]] = []
    if settings.servers.redis_url is None:
        servers.append(("Redis", EmbeddedRedis(home)))
    if settings.servers.database_url is None:
        servers.append(("PostgreSQL", EmbeddedPostgres(home)))
    ended = [(name, server) for name, server in servers if not server.is_running()]
    if ended:
        with translate_os_errors(path), home.hold_start_lock():
            for _, server in ended:
                server.start()
    return tuple(name for name, _ in ended)


@contextmanager
def open_servers(settings: Settings) -> Iterator[ServerUrls]:
    """Yield the URLs of the servers in the settings, with an embedded server for each that is not set."""
    database = settings.servers.database_url.get_secret_value() if settings.servers.database_url else ""
    redis = settings.servers.redis_url.get_secret_value() if settings.servers.redis_url else ""
    if database and redis:
        yield ServerUrls(database, redis)
        return
    with EmbeddedServers(settings.servers.home, with_postgres=not database, with_redis=not redis) as embedded:
        yield ServerUrls(database or embedded.database_url, redis or embedded.redis_url)
