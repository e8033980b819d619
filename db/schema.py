"""The schema version: migrate it, check it, and reject servers that are too old.

Alembic is imported only to migrate: its import takes longer than a check.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy import Connection, pool, text

import migrations
from db import logins
from db.engine import NO_SESSION, make_engine, translated_errors
from pipeline.errors import DatabaseTooOld, SchemaMismatch, SetupError

MIN_POSTGRES = 15
MIN_PGVECTOR = (0, 8, 4)
"""Older versions return wrong neighbours after a vacuum or overflow a buffer (pgvector CHANGELOG, 0.8.2 to 0.8.4)."""


@dataclass(frozen=True, slots=True)
class SchemaState:
    """The versions of the database, and the schema revision that this program needs."""

    postgres: str
    pgvector: str
    current: str | None
    head: str

    @property
    def up_to_date(self) -> bool:
        """True if the schema is at the revision that this program needs."""
        return self.current == self.head


def migrate(url: str, revision: str = "head") -> None:
    """Migrate the database to a revision and create the logins; concurrent migrations wait for each other."""
    with translated_errors(), _connect(url) as connection:
        _require_versions(connection)
        _require_session(connection, url)
        if revision != "head" or _read_revision(connection) != list_revisions()[-1]:
            try:
                _run_migrations(connection, revision)
            except psycopg.errors.InsufficientPrivilege as error:
                connection.rollback()
                owner = connection.scalar(text("SELECT quote_ident(current_user)"))
                raise SetupError(
                    f"The owner of the database has too few rights: {error.diag.message_primary}. As a superuser, run"
                    f" these two statements in the database, then `refdesk migrate`: CREATE EXTENSION IF NOT EXISTS"
                    f" vector; ALTER ROLE {owner} CREATEROLE;"
                ) from error
        if _read_revision(connection) == list_revisions()[-1] and not logins.are_ready(connection, url):
            logins.create_logins(connection, url)


def reset_logins(url: str) -> str:
    """Set the passwords of the logins to match DATABASE_URL; return why they cannot be used, or nothing."""
    with translated_errors(), _connect(url) as connection:
        return logins.create_logins(connection, url)


def _run_migrations(connection: Connection, revision: str) -> None:
    connection.rollback()
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    if revision == "head" or revision.startswith("+"):
        command.upgrade(config, revision)
    else:
        command.downgrade(config, revision)


def inspect_schema(url: str) -> SchemaState:
    """Return the versions of the database; raise `DatabaseTooOld` if the server is not supported."""
    with translated_errors(), _connect(url) as connection:
        postgres, pgvector = _require_versions(connection)
        _require_session(connection, url)
        return SchemaState(postgres, pgvector, _read_revision(connection), list_revisions()[-1])


def require_schema(url: str) -> None:
    """Raise `SchemaMismatch` unless the schema is at the revision that this program needs."""
    state = inspect_schema(url)
    if state.current is None:
        raise SchemaMismatch("The database has no Refdesk schema. Run `refdesk migrate`.")
    if not state.up_to_date:
        fix = (
            "Run `refdesk migrate`."
            if state.current in list_revisions()
            else "Install the newer version of Refdesk that created it."
        )
        raise SchemaMismatch(
            f"The database schema is at revision {state.current}, this version needs {state.head}. {fix}"
        )


def list_revisions() -> list[str]:
    """Return all revisions of this program, oldest first: the names of the migrations begin with them."""
    names = (path.stem for path in (Path(migrations.__file__).parent / "versions").glob("[0-9]*.py"))
    return sorted("_".join(name.split("_")[:2]) for name in names)


def _connect(url: str) -> Connection:
    return make_engine(url, poolclass=pool.NullPool, connect_args={"connect_timeout": 10}).connect()


def _read_revision(connection: Connection) -> str | None:
    if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def _require_versions(connection: Connection) -> tuple[str, str]:
    number = int(connection.scalar(text("SELECT current_setting('server_version_num')")) or 0)
    postgres = str(connection.scalar(text("SELECT current_setting('server_version')")))
    if number // 10_000 < MIN_POSTGRES:
        raise DatabaseTooOld(f"PostgreSQL {postgres} is too old. Refdesk needs version {MIN_POSTGRES} or newer.")
    installed = connection.scalar(text("SELECT extversion FROM pg_extension WHERE extname = 'vector'"))
    offered = connection.scalar(text("SELECT default_version FROM pg_available_extensions WHERE name = 'vector'"))
    version = str(installed or offered or "")
    needed = ".".join(map(str, MIN_PGVECTOR))
    if not version:
        raise DatabaseTooOld(f"The database server has no pgvector. Install pgvector {needed} or newer on it.")
    if _parse_version(version) < MIN_PGVECTOR:
        is_newer_there = _parse_version(str(offered or "")) >= MIN_PGVECTOR
        steps = [] if is_newer_there else [f"install {needed} or newer on the server"]
        steps += ["run `ALTER EXTENSION vector UPDATE` in this database as a superuser"] if installed else []
        fix = ", then ".join(steps)
        raise DatabaseTooOld(
            f"pgvector {version} is too old: versions before {needed} corrupt indexes or overflow."
            f" {fix[0].upper()}{fix[1:]}."
        )
    return postgres, version


def _parse_version(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:3] if part.isdigit())


def _require_session(connection: Connection, url: str) -> None:
    """Raise `SetupError` if a pooler assigns sessions of the server to transactions instead of connections.

    While a second connection has an open transaction, such a pooler either uses the session of the first connection for
    it, or another session for the first connection. LISTEN, advisory locks and settings would be lost without an error.
    """
    query = text("SELECT pg_backend_pid()")
    before = connection.scalar(query)
    connection.rollback()
    with _connect(url) as second:
        other = second.scalar(query)
        after = connection.scalar(query)
        connection.rollback()
    if other == before or after != before:
        raise SetupError(NO_SESSION)
