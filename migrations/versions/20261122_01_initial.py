"""The first schema.

Revision ID: 20261122_01
Revises:
"""

from pathlib import Path

from alembic import op

revision = "20261122_01"
down_revision = None
branch_labels = None
depends_on = None

HERE = Path(__file__).with_suffix("")


def upgrade() -> None:
    """Create everything."""
    op.get_bind().exec_driver_sql(Path(f"{HERE}.up.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Remove everything."""
    op.get_bind().exec_driver_sql(Path(f"{HERE}.down.sql").read_text(encoding="utf-8"))
