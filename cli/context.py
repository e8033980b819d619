"""What a command works with: servers, database, submitter and, where it needs them, workers of its own.

A command uses what is running already. What it had to start, it stops again at its end.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from cli.temporary_workers import TemporaryWorkers
from config import settings as configuration
from config.checks import read_redis_version
from config.logging import set_up_logging
from config.settings import Settings
from db import workspaces
from db.engine import Database, Session
from db.schema import migrate, require_schema
from embedded.servers import ServerUrls, open_servers
from pipeline.text.cleaning import escape_undecodable
from tasks.startup import Role
from tasks.submit import Submitter


@dataclass(frozen=True, slots=True)
class CommandContext:
    """An open front end."""

    settings: Settings
    urls: ServerUrls
    database: Database
    submitter: Submitter
    workers: TemporaryWorkers

    def workspace(self, key: str) -> int:
        """Give the number of a workspace, adding it on first use."""
        with self.database.system() as session:
            return workspaces.ensure_workspace(session, escape_undecodable(key))

    def require_broker(self) -> None:
        """Raise `BrokerUnavailable` unless Redis answers."""
        read_redis_version(self.urls.redis_url)


def begin() -> Settings:
    """Read the settings and set up logging: the first thing every command does."""
    settings = configuration.load()
    set_up_logging(settings)
    return settings


@contextmanager
def opened(settings: Settings, *, roles: Sequence[Role] = (), migrating: bool = False) -> Iterator[CommandContext]:
    """Open servers and database, and see to it that a worker of each role is there."""
    with ExitStack() as stack:
        urls = stack.enter_context(open_servers(settings))
        if migrating or settings.servers.database_url is None:
            migrate(urls.database_url)
        else:
            require_schema(urls.database_url)
        database = Database(urls.database_url, application="refdesk")
        stack.callback(database.close)
        own = TemporaryWorkers(settings, urls, database)
        stack.callback(own.stop)
        submitter = Submitter(database, urls.redis_url, expires_s=settings.jobs.message_expires_s)
        front = CommandContext(settings, urls, database, submitter, own)
        if roles:
            front.require_broker()
            own.ensure(roles)
        yield front


@contextmanager
def in_workspace(settings: Settings, key: str) -> Iterator[Session]:
    """Open one transaction on the store of a workspace, for commands that need no worker."""
    with opened(settings) as front, front.database.tenant(front.workspace(key)) as session:
        yield session


def requester() -> str:
    """Name who uses the command line."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
