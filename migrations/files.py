"""Run the SQL files of a migration."""

from pathlib import Path
from typing import Any

from alembic import op


def run_sql(migration: str, direction: str) -> None:
    """Run `<migration>.<direction>.sql` in the transaction of the migration, without parameters, as psql would."""
    _get_driver().execute(_read(migration, direction))


def run_statements(migration: str, direction: str) -> None:
    """Run `<migration>.<direction>.sql` outside transactions; each statement ends at the end of a line and commits."""
    with op.get_context().autocommit_block():
        for statement in _read(migration, direction).split(";\n"):
            if statement.strip():
                _get_driver().execute(statement)


def _read(migration: str, direction: str) -> str:
    return Path(migration).with_suffix(f".{direction}.sql").read_text(encoding="utf-8")


def _get_driver() -> Any:
    return op.get_bind().connection.driver_connection
