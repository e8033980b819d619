"""The context of a command: settings, servers, database, submitter and, if needed, temporary workers.

A command uses servers and workers that are already running. It stops the ones that it started. The clients of the
servers are imported in functions, because a worker that a command needs is started before, to import its libraries at
the same time.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from cli.temporary_workers import TemporaryWorkers
from config import settings as configuration
from config.logging import set_up_logging
from config.settings import Settings
from embedded.servers import ServerUrls, are_in_use, open_servers
from pipeline.text.cleaning import escape_undecodable
from tasks.roles import Role

if TYPE_CHECKING:
    from db.engine import Database, Session
    from tasks.submit import Submitter


@dataclass(frozen=True)
class CommandContext:
    """The open resources of one command."""

    settings: Settings
    urls: ServerUrls
    database: Database
    workers: TemporaryWorkers

    @cached_property
    def submitter(self) -> Submitter:
        """The submitter of jobs. Most commands submit none, and its import of Celery takes as long as they run."""
        from tasks.submit import Submitter

        return Submitter(self.database, self.urls.redis_url, expires_s=self.settings.jobs.message_expires_s)

    def workspace(self, key: str) -> int:
        """Return the ID of a workspace, creating it on first use."""
        from db import workspaces

        with self.database.system() as session:
            return workspaces.ensure_workspace(session, escape_undecodable(key))

    def require_broker(self) -> None:
        """Raise `BrokerUnavailable` if Redis does not respond."""
        from config.redis_server import read_redis_version

        read_redis_version(self.urls.redis_url)


def start_command() -> Settings:
    """Load the settings and set up logging. Every command calls this first."""
    settings = configuration.load()
    set_up_logging(settings)
    return settings


@contextmanager
def open_context(settings: Settings, *, roles: Sequence[Role] = (), wait: bool = True) -> Iterator[CommandContext]:
    """Open servers and database, and start a worker for each role that has none.

    Without `wait`, the caller waits for the workers with `workers.ensure`.
    """
    with ExitStack() as stack:
        workers = TemporaryWorkers(settings)
        stack.callback(workers.stop)
        if settings.servers.database_url is None and not are_in_use(settings.servers.home):
            workers.spawn(roles)  # no worker can be running, so there is nothing to ask the database for
        urls = stack.enter_context(open_servers(settings))
        database = stack.enter_context(open_database(settings, urls))
        stack.callback(workers.stop)  # before the servers stop
        workers.connect(urls, database)
        context = CommandContext(settings, urls, database, workers)
        if roles:
            _ = context.submitter  # its imports take time, in which the spawned workers start
        if roles and wait:
            context.require_broker()
            workers.ensure(roles)
        yield context


@contextmanager
def open_database(settings: Settings, urls: ServerUrls) -> Iterator[Database]:
    """Yield the database; the schema of the embedded one is migrated first."""
    from db.engine import Database
    from db.schema import migrate, require_schema

    if settings.servers.database_url is None:
        migrate(urls.database_url)
    else:
        require_schema(urls.database_url)
    database = Database(urls.database_url, application="refdesk")
    try:
        yield database
    finally:
        database.close()


@contextmanager
def open_workspace(settings: Settings, key: str) -> Iterator[Session]:
    """Open one transaction in a workspace, for commands that need no worker."""
    with open_context(settings) as context, context.database.tenant(context.workspace(key)) as session:
        yield session


def current_user() -> str:
    """Return the name of the operating system user."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
