"""The first schema.

Revision ID: 20261122_01
Revises:
"""

from migrations.files import run_sql

revision = "20261122_01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the schema."""
    run_sql(__file__, "up")


def downgrade() -> None:
    """Drop the schema."""
    run_sql(__file__, "down")
