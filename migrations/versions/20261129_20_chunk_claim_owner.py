"""Chunk claims name their worker, so that the claims of a process that died can be ended at once.

Revision ID: 20261129_20
Revises: 20261129_13

The rules for every migration are in `20261126_03_spending.py`.
"""

from migrations.files import run_sql

revision = "20261129_20"
down_revision = "20261129_13"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column without rewriting the table. Claims of the earlier version have no owner and expire."""
    run_sql(__file__, "up")


def downgrade() -> None:
    """Remove the column."""
    run_sql(__file__, "down")
