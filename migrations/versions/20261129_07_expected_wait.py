"""Queued questions have an estimated wait.

Revision ID: 20261129_07
Revises: 20261129_06

The rules for every migration are in `20261126_03_spending.py`.
"""

from migrations.files import run_sql

revision = "20261129_07"
down_revision = "20261129_06"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, the functions and an index, which blocks writes to `jobs` while it is built."""
    run_sql(__file__, "up")


def downgrade() -> None:
    """Restore the view and remove the rest."""
    run_sql(__file__, "down")
