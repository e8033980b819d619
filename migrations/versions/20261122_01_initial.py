"""The first schema.

Revision ID: 20261122_01
Revises:
"""

from migrations.files import run_beside

revision = "20261122_01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create everything."""
    run_beside(__file__, "up")


def downgrade() -> None:
    """Remove everything."""
    run_beside(__file__, "down")
