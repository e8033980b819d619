"""Entry point of Alembic: one transaction per migration, a lock timeout, and an advisory lock against two migrators."""

import time

from alembic import context
from sqlalchemy import create_engine, pool, text

from db.trace_models import QueryTrace  # imports db.models too, so that all tables are registered

LOCK = 7245_0001  # an arbitrary constant; a second migrator waits for the lock
POLL_S = 0.1


def run() -> None:
    """Migrate the database of `sqlalchemy.url`, or the connection passed by the caller."""
    connection = context.config.attributes.get("connection")
    if connection is not None:
        _migrate(connection)
        return
    url = context.config.get_main_option("sqlalchemy.url") or ""
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        _migrate(connection)


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
