"""Each event of a job records the fencing token of the worker that wrote it.

Revision ID: 20261129_63
Revises: 20261129_62

The rules for every migration are in `20261126_03_spending.py`.
"""

from migrations.files import run_sql

revision = "20261129_63"
down_revision = "20261129_62"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tokens; those of earlier writes are unknown."""
    run_sql(__file__, "up")


def downgrade() -> None:
    """Drop the tokens."""
    run_sql(__file__, "down")
