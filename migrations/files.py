"""Running the SQL files beside a migration."""

from pathlib import Path
from typing import Any

from alembic import op


def run_beside(migration: str, direction: str) -> None:
    """Run `<migration>.<direction>.sql` in the migration's transaction, as psql would: nothing in it is a parameter."""
    sql = Path(migration).with_suffix(f".{direction}.sql").read_text(encoding="utf-8")
    driver: Any = op.get_bind().connection.driver_connection
    driver.execute(sql)
