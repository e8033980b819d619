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
    """Remove the precision of the columns, and replace the views that read them. No table is rewritten."""
    run_sql(__file__, "up")


def downgrade() -> None:
    """Restore the columns and views. Costs are rounded to millionths of a dollar, and both tables are rewritten."""
    run_sql(__file__, "down")
