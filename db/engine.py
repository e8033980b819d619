"""Connections: one pool per process, one transaction per action, always in a role that row-level security binds.

tenant(workspace)   refdesk_app: sees one workspace
system()            refdesk_worker: the ledger and the embedding queue of all workspaces
inspect()           refdesk_read: reads everything but original bytes, writes nothing
owner()             whoever DATABASE_URL names: migrations, roles and indexes only
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from pgvector.psycopg import register_vector
from sqlalchemy import Engine, TextClause, create_engine, event, text
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.orm import Session

from pipeline.errors import DatabaseUnavailable, DiskFull, RefdeskError, SchemaMismatch, SetupError

__all__ = ["Database", "Session", "driver_url", "first_line", "translated_errors"]

# One round trip: role, tenant, and whether a commit waits for the disk.
_ENTER = text(
    "SELECT set_config('role', :role, true), set_config('refdesk.workspace', :workspace, true),"
    " set_config('synchronous_commit', :durable, true)"
)

_NO_URL = "DATABASE_URL is not a PostgreSQL URL (postgresql://user:password@host:5432/name)."


def driver_url(url: str) -> str:
    """Name SQLAlchemy's psycopg driver in a plain `postgresql://` URL."""
    for prefix in ("postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url


def make_engine(url: str, **options: Any) -> Engine:
    """Prepare an engine without connecting; raises `SetupError`, never with the URL in it, for what is no such URL."""
    try:
        engine = create_engine(driver_url(url), hide_parameters=True, **options)
    except (ArgumentError, ImportError, ValueError):
        # Whatever the URL parser says quotes the URL, password and all, so its words end here.
        raise SetupError(_NO_URL) from None
    if engine.dialect.name != "postgresql":
        raise SetupError(_NO_URL)
    return engine


class Database:
    """A pool of connections to one database."""

    def __init__(
        self,
        url: str,
        *,
        application: str = "refdesk",
        pool_size: int = 5,
        durable: bool = True,
        statement_timeout_s: float = 0,
    ) -> None:
        """Prepare the pool; nothing connects before the first transaction.

        A worker is not `durable`: if PostgreSQL itself crashes, its last fraction of a second is done again from the
        ledger, and in return no step of a job waits for the disk. What a front end submits always waits.
        `statement_timeout_s` ends what hangs, on a lock or otherwise, with `DatabaseUnavailable`; 0 is never.
        """
        self.url = url
        self._durable = "on" if durable else "off"
        self._engine = make_engine(
            url,
            pool_size=pool_size,
            max_overflow=5,
            pool_pre_ping=True,
            connect_args={"application_name": application, "connect_timeout": 10} | _limits(statement_timeout_s),
        )
        event.listen(self._engine, "connect", _prepare_connection)

    @contextmanager
    def tenant(self, workspace_id: int) -> Iterator[Session]:
        """Open one transaction that sees one workspace."""
        with self._transaction("refdesk_app", str(workspace_id)) as session:
            yield session

    @contextmanager
    def system(self) -> Iterator[Session]:
        """Open one transaction for the ledger and the embedder."""
        with self._transaction("refdesk_worker", "") as session:
            yield session

    @contextmanager
    def inspect(self) -> Iterator[Session]:
        """Open one read-only transaction for people."""
        with self._transaction("refdesk_read", "") as session:
            session.execute(text("SET TRANSACTION READ ONLY"))
            yield session

    @contextmanager
    def owner(self) -> Iterator[Session]:
        """Open one transaction as the role of DATABASE_URL itself; never for a person's request."""
        with translated_errors(), Session(self._engine) as session, session.begin():
            yield session

    def autocommit(self, statement: TextClause) -> None:
        """Run one statement outside any transaction, as the owner (CREATE INDEX CONCURRENTLY)."""
        with translated_errors(), self._engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(statement)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self, role: str, workspace: str) -> Iterator[Session]:
        with translated_errors(), Session(self._engine, expire_on_commit=False) as session, session.begin():
            session.execute(_ENTER, {"role": role, "workspace": workspace, "durable": self._durable})
            yield session


def _limits(statement_timeout_s: float) -> dict[str, Any]:
    if statement_timeout_s <= 0:
        return {}
    limit_ms = int(statement_timeout_s * 1000)
    # The last one is for a server that has gone without a word: nothing of ours could end that wait.
    return {"options": f"-c statement_timeout={limit_ms} -c lock_timeout={limit_ms}", "tcp_user_timeout": limit_ms}


def _prepare_connection(connection: psycopg.Connection[Any], _record: object) -> None:
    # Before the first migration there is no vector type yet; nothing that runs then needs it.
    try:
        register_vector(connection)
    except psycopg.ProgrammingError:
        connection.rollback()


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn the driver's errors into Refdesk's, so that no layer above knows the driver."""
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
    if state.startswith("53"):
        return (
            DiskFull("PostgreSQL has no room left on its disk; free some space and try again.")
            if state == "53100"
            else DatabaseUnavailable(
                "PostgreSQL refuses: too many connections or out of memory; try again in a moment."
            )
        )
    if state in {"40P01", "40001"}:
        return DatabaseUnavailable("Two changes of the same rows got in each other's way; try again.")
    if state in {"42P01", "42703", "3F000"} or (state == "22023" and "role" in str(error.orig)):
        return SchemaMismatch(
            f"The database has not the schema this program needs; run `refdesk migrate`. ({first_line(error)})"
        )
    if state in {"28P01", "28000", "3D000"}:
        return DatabaseUnavailable(f"PostgreSQL refuses the login; check DATABASE_URL. ({first_line(error)})")
    if isinstance(error, (OperationalError, InterfaceError)) or error.connection_invalidated:
        return DatabaseUnavailable(
            f"The database cannot be reached; check DATABASE_URL and that the server runs. ({first_line(error)})"
        )
    return error


def first_line(error: DBAPIError) -> str:
    """Give the driver's own first line, which holds no password."""
    return (str(error.orig).strip().splitlines() or ["no reason given"])[0]
