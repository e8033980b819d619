"""Vectors of questions, and gaps that managers have answered or dismissed.

Revision ID: 20261129_08
Revises: 20261129_07

The rules for every migration are in `20261126_03_spending.py`.
"""

from migrations.files import run_sql

revision = "20261129_08"
down_revision = "20261129_07"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, which are null for earlier questions, the table and its view. No table is rewritten."""
    run_sql(__file__, "up")


def downgrade() -> None:
    """Remove them; answers that managers added stay in the library."""
    run_sql(__file__, "down")
