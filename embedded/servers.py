"""The embedded servers: real PostgreSQL and Redis in one folder, shared by every command that runs on it.

Two locks in the folder do the sharing. Whoever starts or stops servers holds the start lock; whoever uses them holds
the users lock, shared. The last user out gets the users lock for itself alone and stops the servers. Both locks die
with their process, so a killed command leaves nothing behind but running servers, which the next command adopts.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from embedded.home import ServerHome, prepare_home, translate_os_errors, try_acquire_lock
from embedded.postgres import EmbeddedPostgres
from embedded.redis import EmbeddedRedis

if TYPE_CHECKING:
    from config.settings import Settings


@dataclass(frozen=True, slots=True)
class ServerUrls:
    """Where the servers are; empty for one that was not wanted."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    """As the broker library wants it; `config.redis_urls.client_url` spells it for the Redis client."""


class EmbeddedServers:
    """The servers of one home folder, for as long as the `with` block runs."""

    def __init__(self, home: Path, *, with_postgres: bool = True, with_redis: bool = True) -> None:
        """Remember what is wanted; nothing is touched yet."""
        self._path = home.absolute()
        self._with_postgres = with_postgres
        self._with_redis = with_redis
        self._home: ServerHome | None = None
        self._users: int | None = None

    def __enter__(self) -> ServerUrls:
        """Start the servers, or adopt those that run."""
        self._home = prepare_home(self._path)
        postgres, redis = EmbeddedPostgres(self._home), EmbeddedRedis(self._home)
        with translate_os_errors(self._path), self._home.hold_start_lock():
            self._users = self._home.acquire_users_lock()
            try:
                if self._with_postgres:
                    postgres.start()
                if self._with_redis:
                    redis.start()
            except BaseException:
                self._leave(self._home)
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
        """Leave; the last one out stops the servers."""
        if self._home is None or self._users is None:
            return
        # A home that was deleted meanwhile has no lock to wait for any more, but its servers still have to stop.
        alone = self._home.hold_start_lock() if self._path.exists() else nullcontext()
        with translate_os_errors(self._path), alone:
            self._leave(self._home)

    def _leave(self, home: ServerHome) -> None:
        users, self._users = self._users, None
        if users is None:
            return
        try:
            if try_acquire_lock(users, fcntl.LOCK_EX):
                EmbeddedRedis(home).stop()
                EmbeddedPostgres(home).stop()
                home.remove_alias()
        finally:
            os.close(users)


@contextmanager
def open_servers(settings: Settings) -> Iterator[ServerUrls]:
    """Give the servers that the settings name, with an embedded one for each that they do not name."""
    database = settings.servers.database_url.get_secret_value() if settings.servers.database_url else ""
    redis = settings.servers.redis_url.get_secret_value() if settings.servers.redis_url else ""
    if database and redis:
        yield ServerUrls(database, redis)
        return
    with EmbeddedServers(settings.servers.home, with_postgres=not database, with_redis=not redis) as embedded:
        yield ServerUrls(database or embedded.database_url, redis or embedded.redis_url)
