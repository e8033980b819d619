"""The schema version: migrate it, check it, and reject servers that are too old."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, pool, text

import migrations
from db.engine import driver_url, make_engine, translated_errors
from pipeline.errors import DatabaseTooOld, SchemaMismatch

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
    """Migrate the database to a revision; concurrent migrations wait for each other."""
    with translated_errors(), _connect(url) as connection:
        _require_versions(connection)
        connection.rollback()
        config = _config(url)
        config.attributes["connection"] = connection
        if revision == "head" or revision.startswith("+"):
            command.upgrade(config, revision)
        else:
            command.downgrade(config, revision)


def inspect_schema(url: str) -> SchemaState:
    """Return the versions of the database; raise `DatabaseTooOld` if the server is not supported."""
    with translated_errors(), _connect(url) as connection:
        postgres, pgvector = _require_versions(connection)
        current = MigrationContext.configure(connection).get_current_revision()
        head = ScriptDirectory.from_config(_config(url)).get_current_head() or ""
        return SchemaState(postgres, pgvector, current, head)


def require_schema(url: str) -> None:
    """Raise `SchemaMismatch` unless the schema is at the revision that this program needs."""
    state = inspect_schema(url)
    if state.current is None:
        raise SchemaMismatch("The database has no Refdesk schema. Run `refdesk migrate`.")
    if not state.up_to_date:
        known = state.current in {s.revision for s in ScriptDirectory.from_config(_config(url)).walk_revisions()}
        fix = "Run `refdesk migrate`." if known else "Install the newer version of Refdesk that created it."
        raise SchemaMismatch(
            f"The database schema is at revision {state.current}, this version needs {state.head}. {fix}"
        )


def _connect(url: str) -> Connection:
    return make_engine(url, poolclass=pool.NullPool, connect_args={"connect_timeout": 10}).connect()


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("sqlalchemy.url", driver_url(url).replace("%", "%%"))
    return config


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
    if tuple(int(part) for part in version.split(".")[:3] if part.isdigit()) < MIN_PGVECTOR:
        raise DatabaseTooOld(
            f"pgvector {version} is too old: versions before {needed} corrupt indexes or overflow. Install a newer one"
            " and run `ALTER EXTENSION vector UPDATE`."
        )
    return postgres, version
