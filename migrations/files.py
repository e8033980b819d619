"""Run the SQL files of a migration."""

from pathlib import Path
from typing import Any

from alembic import op


def run_sql(migration: str, direction: str) -> None:
    """Run `<migration>.<direction>.sql` in the transaction of the migration, without parameters, as psql would."""
    sql = Path(migration).with_suffix(f".{direction}.sql").read_text(encoding="utf-8")
    driver: Any = op.get_bind().connection.driver_connection
    driver.execute(sql)
