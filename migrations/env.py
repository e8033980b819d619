"""Entry point of Alembic: one transaction per migration, a lock timeout, and an advisory lock against two migrators.

`refdesk migrate` passes its connection. On Alembic's own command line, DATABASE_URL names the database; with `--sql`
none is needed.
"""

import logging
import os
import time

from alembic import context
from alembic.util import CommandError
from sqlalchemy import Engine, pool, text

from db.engine import make_engine
from db.trace_models import QueryTrace  # imports db.models too, so that all tables are registered
from pipeline.errors import SetupError

LOCK = 7245_0001  # an arbitrary constant; a second migrator waits for the lock
POLL_S = 0.1


def run() -> None:
    """Migrate the connection that the caller passed or the database of DATABASE_URL, or write a script."""
    connection = context.config.attributes.get("connection")
    if connection is not None:
        _migrate(connection)
    elif context.is_offline_mode():
        _write_script()
    else:
        logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
        logging.getLogger("alembic").setLevel(logging.INFO)
        with _create_engine().connect() as connection:
            _migrate(connection)


def _create_engine() -> Engine:
    url = os.environ.get("DATABASE_URL")
    if not url:
        raise CommandError(
            "DATABASE_URL is not set. Set it, or put `refdesk exec` in front of the command to use the server of"
            " Refdesk's settings: `refdesk exec alembic current`."
        )
    try:
        return make_engine(url, poolclass=pool.NullPool)
    except SetupError as error:
        raise CommandError(str(error)) from error


def _write_script() -> None:
    context.configure(dialect_name="postgresql", target_metadata=QueryTrace.metadata, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


def _migrate(connection) -> None:  # type: ignore[no-untyped-def]
    # Not `pg_advisory_lock`: CREATE INDEX CONCURRENTLY would wait for the statement that waits for this lock.
    while not connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": LOCK}):
        connection.commit()
        time.sleep(POLL_S)
    connection.execute(text("SELECT set_config('lock_timeout', '5s', false)"))
    connection.commit()
    try:
        context.configure(connection=connection, target_metadata=QueryTrace.metadata, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": LOCK})
        connection.commit()


run()
