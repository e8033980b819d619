"""Workspaces choose how long questions are kept and how much their library may store.

Revision ID: 20261129_41
Revises: 20261129_40

The rules for every migration are in `20261126_03_spending.py`.
"""

from migrations.files import run_sql

revision = "20261129_41"
down_revision = "20261129_40"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns. No table is rewritten."""
    run_sql(__file__, "up")


def downgrade() -> None:
    """Remove the columns and what the managers have chosen in them."""
    run_sql(__file__, "down")
