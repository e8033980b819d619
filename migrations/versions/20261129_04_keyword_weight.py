"""The weight of the keyword scores depends on the question.

Revision ID: 20261129_04
Revises: 20261129_03

The rules for every migration are in `20261126_03_spending.py`.
"""

from migrations.files import run_sql

revision = "20261129_04"
down_revision = "20261129_03"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Replace the comment of the column."""
    run_sql(__file__, "up")


def downgrade() -> None:
    """Restore the comment of the column."""
    run_sql(__file__, "down")
