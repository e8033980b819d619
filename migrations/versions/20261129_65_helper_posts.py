"""Requests to helpers record whether they were posted.

Revision ID: 20261129_65
Revises: 20261129_63

The rules for every migration are in `20261126_03_spending.py`.
"""

from migrations.files import run_sql

revision = "20261129_65"
down_revision = "20261129_63"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; earlier requests count as posted."""
    run_sql(__file__, "up")


def downgrade() -> None:
    """Drop the column."""
    run_sql(__file__, "down")
