"""Votes against an answer have a reason.

Revision ID: 20261129_06
Revises: 20261129_05

The rules for every migration are in `20261126_03_spending.py`.
"""

from migrations.files import run_sql

revision = "20261129_06"
down_revision = "20261129_05"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, and replace the view that shows votes. No table is rewritten."""
    run_sql(__file__, "up")


def downgrade() -> None:
    """Remove the column and its reasons; the votes remain."""
    run_sql(__file__, "down")
