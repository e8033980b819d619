"""Reservations of documents count without the recorded batches, and small costs are stored without rounding.

Revision ID: 20261129_05
Revises: 20261129_04

The rules for every migration are in `20261126_03_spending.py`.
"""

from migrations.files import run_sql

revision = "20261129_05"
down_revision = "20261129_04"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Widen the columns, and replace the views that read them. The tables are rewritten, which takes seconds."""
    run_sql(__file__, "up")


def downgrade() -> None:
    """Restore the columns and views; costs are rounded to millionths of a dollar."""
    run_sql(__file__, "down")
