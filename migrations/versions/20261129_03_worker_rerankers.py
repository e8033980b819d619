"""Workers report the rerankers that work, so that the bot offers only these.

Revision ID: 20261129_03
Revises: 20261129_01

The rules for every migration are in `20261126_03_spending.py`.
"""

from migrations.files import run_sql

revision = "20261129_03"
down_revision = "20261129_01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; running workers of the version before leave it empty."""
    run_sql(__file__, "up")


def downgrade() -> None:
    """Drop the column."""
    run_sql(__file__, "down")
