"""Run the SQL files of a migration."""

from pathlib import Path
from typing import Any

from alembic import context, op


def run_sql(migration: str, direction: str) -> None:
    """Run `<migration>.<direction>.sql` in the transaction of the migration, without parameters, as psql would."""
    _execute(_read(migration, direction))


def run_statements(migration: str, direction: str) -> None:
    """Run `<migration>.<direction>.sql` outside transactions; each statement ends at the end of a line and commits."""
    with op.get_context().autocommit_block():
        for statement in _read(migration, direction).split(";\n"):
            if statement.strip():
                _execute(f"{statement};")


def _read(migration: str, direction: str) -> str:
    return Path(migration).with_suffix(f".{direction}.sql").read_text(encoding="utf-8")


def _execute(sql: str) -> None:
    if context.is_offline_mode():  # `alembic upgrade … --sql` writes a script
        op.get_context().impl.static_output(sql)
        return
    driver: Any = op.get_bind().connection.driver_connection
    driver.execute(sql)
