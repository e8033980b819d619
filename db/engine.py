"""Connections: a pool for each login and one transaction per action, with the rights of one group role.

tenant(workspace)   refdesk_app: one workspace
system()            refdesk_worker: the ledger and the embedding queue of all workspaces
inspect()           refdesk_read: read-only access without contents of documents, answers and tokens
owner()             the role of DATABASE_URL: migrations, vector indexes and vacuum only
"""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from types import MappingProxyType
from typing import Any

import psycopg
from pgvector.psycopg import register_vector
from sqlalchemy import Engine, NullPool, TextClause, create_engine, event, text
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from db.logins import AS_OWNER, LOGIN_NAMES, READ_SETTINGS, LoginConnector, LoginName, ReaderSession
from pipeline.errors import DatabaseUnavailable, DiskFull, RefdeskError, SchemaMismatch, SetupError

__all__ = ["Database", "Session", "driver_url", "first_line", "translated_errors"]

# One round trip for all settings of the transaction.
_ENTER = text(
    "SELECT set_config(s.name, s.setting, true)"
    " FROM unnest(CAST(:names AS text[]), CAST(:settings AS text[])) AS s(name, setting)"
)

Preparation = Callable[[psycopg.Connection[Any], object], None]
"""What is done with each new connection of a pool."""
NO_SETTINGS: Mapping[str, str] = MappingProxyType({})
TEST_AFTER_IDLE_S = 10.0
"""Seconds without use after which a connection is tested with a statement."""

NO_SESSION = (
    "DATABASE_URL leads to a pooler that assigns a session to each transaction, not to each connection. Refdesk needs"
    " its sessions: set pool_mode = session in PgBouncer, or connect to PostgreSQL directly."
)
_NO_URL = "DATABASE_URL must be a PostgreSQL URL, for example postgresql://user:password@host:5432/name."
_CONFLICT = "Serialization failure: two transactions changed the same rows. Try again."
_BY_STATE: Mapping[str, tuple[type[RefdeskError], str]] = {
    "53100": (DiskFull, "The disk of PostgreSQL is full. Free some space and try again."),
    "40P01": (DatabaseUnavailable, _CONFLICT),
    "40001": (DatabaseUnavailable, _CONFLICT),
    "26000": (SetupError, NO_SESSION),  # a prepared statement is missing
    "42P05": (SetupError, NO_SESSION),  # another client of the pooler has prepared a statement with this name
}


def driver_url(url: str) -> str:
    """Return the URL with the psycopg driver of SQLAlchemy."""
    for prefix in ("postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url


def make_engine(url: str, **options: Any) -> Engine:
    """Create an engine without connecting; raise `SetupError`, without the URL in it, if the URL is invalid."""
    try:
        engine = create_engine(driver_url(url), hide_parameters=True, **options)
    except (ArgumentError, ImportError, ValueError):
        # The message of the URL parser contains the URL with its password, so it is not passed on.
        raise SetupError(_NO_URL) from None
    if engine.dialect.name != "postgresql":
        raise SetupError(_NO_URL)
    return engine


class Database:
    """The connection pools of one database: one for each login, opened on first use."""

    def __init__(
        self,
        url: str,
        *,
        application: str = "refdesk",
        pool_size: int = 5,
        durable: bool = True,
        statement_timeout_s: float = 0,
    ) -> None:
        """Prepare the pools; the first transaction opens the first connection.

        Args:
            url: A PostgreSQL URL with the owner of the database.
            application: The `application_name` of the connections.
            pool_size: Number of connections that stay open, half of them for tenants and half for the ledger. Each of
                the two logins can have five more at times.
            durable: Whether a commit waits for the disk. False in workers: after a crash of PostgreSQL, the ledger
                repeats the last fraction of a second, and in return no step of a job waits for the disk. Front ends
                always wait.
            statement_timeout_s: Limit for one statement or lock in seconds; `DatabaseUnavailable` is raised when it is
                exceeded. 0 means no limit.
        """
        self.url = url
        self._durable = "on" if durable else "off"
        limit_ms = int(statement_timeout_s * 1000)
        arguments = {"application_name": application, "connect_timeout": 10}
        # tcp_user_timeout ends the wait for a server that disappeared without closing the connection.
        arguments |= {"tcp_user_timeout": limit_ms} if limit_ms else {}
        half = (pool_size + 1) // 2
        pooled = {"pool_size": half, "max_overflow": 5, "pool_use_lifo": True, "connect_args": arguments}
        unpooled = {"poolclass": NullPool, "connect_args": arguments}
        prepare = _make_preparation(limit_ms)
        self._owner_engine = _make_pool(url, None, unpooled, prepare)
        self._pools = {
            name: _LoginPool(url, name, unpooled if name == "read" else pooled, prepare) for name in LOGIN_NAMES
        }

    @contextmanager
    def tenant(
        self, workspace_id: int, *, snapshot: bool = False, settings: Mapping[str, str] = NO_SETTINGS
    ) -> Iterator[Session]:
        """Open a transaction of one workspace.

        Args:
            workspace_id: The workspace.
            snapshot: Whether all statements read the same snapshot, for results that depend on several of them.
            settings: Planner options of the transaction.
        """
        with self._transaction("app", str(workspace_id), snapshot=snapshot, settings=settings) as session:
            yield session

    @contextmanager
    def system(self, *, durable: bool = True, snapshot: bool = False) -> Iterator[Session]:
        """Open a transaction for the ledger and the embedding queue.

        Args:
            durable: False if the commit need not wait for the disk, even in a front end.
            snapshot: Whether all statements read the same snapshot.
        """
        settings = NO_SETTINGS if durable else {"synchronous_commit": "off"}
        with self._transaction("worker", "", snapshot=snapshot, settings=settings) as session:
            yield session

    @contextmanager
    def inspect(self) -> Iterator[Session]:
        """Open a read-only transaction for operators."""
        with self._transaction("read", "", settings=READ_SETTINGS) as session:
            session.execute(text("SET TRANSACTION READ ONLY"))
            yield session

    def describe_reader(self) -> ReaderSession:
        """Return how psql connects for inspection."""
        with self.inspect():
            return self._pools["read"].connector.describe_session()

    @contextmanager
    def owner(self) -> Iterator[Session]:
        """Open a transaction as the role of DATABASE_URL; never for the request of a user."""
        with translated_errors(), Session(self._owner_engine) as session, session.begin():
            yield session

    @contextmanager
    def driver_connection(self, *, dedicated: bool = False) -> Iterator[psycopg.Connection[Any]]:
        """Borrow a connection in autocommit mode, for LISTEN.

        Args:
            dedicated: Whether the connection leaves the pool and is closed in the end, for uses without end.
        """
        with translated_errors(), self._pools["worker"].engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            driver = connection.connection.driver_connection
            if driver is None:  # only for the type checker: a connection that is in use has one
                raise DatabaseUnavailable
            if dedicated:
                connection.detach()
            yield driver

    def autocommit(self, *statements: TextClause) -> None:
        """Run statements outside any transaction, as the owner (CREATE INDEX CONCURRENTLY), in a separate session."""
        with translated_errors(), self._owner_engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            for statement in statements:
                connection.execute(statement)

    def close(self) -> None:
        """Close all connections."""
        self._owner_engine.dispose()
        for pool in self._pools.values():
            pool.engine.dispose()

    @contextmanager
    def _transaction(
        self, login: LoginName, workspace: str, *, snapshot: bool = False, settings: Mapping[str, str] = NO_SETTINGS
    ) -> Iterator[Session]:
        pool = self._pools[login]
        values = {"refdesk.workspace": workspace, "synchronous_commit": self._durable} | dict(settings)
        with translated_errors(), Session(pool.engine, expire_on_commit=False) as session, session.begin():
            options = {"isolation_level": "REPEATABLE READ"} if snapshot else {}
            if session.connection(execution_options=options).info.get(AS_OWNER):
                values = {"role": pool.connector.login.group} | values
            session.execute(_ENTER, {"names": list(values), "settings": list(values.values())})
            yield session


class _LoginPool:
    """The connection pool of one login."""

    def __init__(self, url: str, login: LoginName, options: Mapping[str, Any], prepare: Preparation) -> None:
        self.connector = LoginConnector(url, login)
        self.engine = _make_pool(url, self.connector, options, prepare)


def _make_pool(url: str, connector: LoginConnector | None, options: Mapping[str, Any], prepare: Preparation) -> Engine:
    engine = make_engine(url, **options)
    if connector is not None:
        event.listen(engine, "do_connect", connector.connect)
    event.listen(engine, "connect", prepare)
    event.listen(engine, "checkin", _note_checkin)
    event.listen(engine, "checkout", _check_connection)
    return engine


def _make_preparation(limit_ms: int) -> Preparation:
    """Return what happens to each new connection; a limit of 0 is none."""

    def prepare(connection: psycopg.Connection[Any], _record: object) -> None:
        if limit_ms:
            # Not as the startup parameter `options`, which PgBouncer rejects.
            limits = "SELECT set_config('statement_timeout', %s, false), set_config('lock_timeout', %s, false)"
            connection.execute(limits, [str(limit_ms)] * 2)
            connection.commit()
        # Before the first migration, the vector type does not exist and is not needed.
        try:
            register_vector(connection)
        except psycopg.ProgrammingError:
            connection.rollback()

    return prepare


def _note_checkin(_connection: object, record: ConnectionPoolEntry) -> None:
    record.info["idle_since"] = monotonic()


def _check_connection(connection: psycopg.Connection[Any], record: ConnectionPoolEntry, _proxy: object) -> None:
    """Replace a connection that the server has closed.

    A closed socket is readable, which costs no round trip to find out, unlike the ping of the pool (a sixth of a short
    transaction). A connection that was idle for long may be lost without a sign, so it is tested with a statement.
    """
    idle_s = monotonic() - record.info.get("idle_since", monotonic())
    poller = select.poll()
    try:
        poller.register(connection.fileno(), select.POLLIN)
        if idle_s < TEST_AFTER_IDLE_S and not poller.poll(0):
            return
        connection.execute("SELECT 1")
        connection.rollback()
    except (psycopg.Error, OSError) as error:
        raise DisconnectionError from error


@contextmanager
def translated_errors() -> Iterator[None]:
    """Convert errors of the driver, so that the layers above do not depend on it."""
    try:
        yield
    except RefdeskError:
        raise
    except DBAPIError as error:
        raise _translate(error) from error
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable from error


def _translate(error: DBAPIError) -> Exception:
    state = getattr(error.orig, "sqlstate", None) or ""
    if state in _BY_STATE:
        kind, message = _BY_STATE[state]
        return kind(message)
    if state.startswith("53"):
        return DatabaseUnavailable("PostgreSQL has too many connections or is out of memory. Try again later.")
    if state in {"42P01", "42703", "3F000"} or (state == "22023" and "role" in str(error.orig)):
        return SchemaMismatch(
            f"The database schema does not match this version. Run `refdesk migrate`. ({first_line(error)})"
        )
    if state in {"28P01", "28000", "3D000"}:
        return DatabaseUnavailable(f"PostgreSQL rejected the login. Check DATABASE_URL. ({first_line(error)})")
    if isinstance(error, (OperationalError, InterfaceError)) or error.connection_invalidated:
        return DatabaseUnavailable(
            f"The database is unreachable. Check DATABASE_URL and that the server is running. ({first_line(error)})"
        )
    return error


def first_line(error: DBAPIError) -> str:
    """Return the first line of the driver's message, which contains no password."""
    return (str(error.orig).strip().splitlines() or ["no reason given"])[0]
