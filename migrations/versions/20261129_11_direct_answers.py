"""An index finds the answer of a server that a direct message replies to.

Revision ID: 20261129_11
Revises: 20261129_10

The rules for every migration are in `20261126_03_spending.py`.
"""

from migrations.files import run_sql

revision = "20261129_11"
down_revision = "20261129_10"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index, which is small: few answers are direct messages."""
    run_sql(__file__, "up")


def downgrade() -> None:
    """Remove the index."""
    run_sql(__file__, "down")
