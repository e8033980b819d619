"""The view of the workers shows how many jobs each runs at once, from which waits are estimated.

Revision ID: 20261129_42
Revises: 20261129_41

The rules for every migration are in `20261126_03_spending.py`.
"""

from migrations.files import run_sql

revision = "20261129_42"
down_revision = "20261129_41"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column to the view."""
    run_sql(__file__, "up")


def downgrade() -> None:
    """Remove the column from the view."""
    run_sql(__file__, "down")
