"""Weekly digests of a server.

Revision ID: 20261129_13
Revises: 20261129_12

The rules for every migration are in `20261126_03_spending.py`.
"""

from migrations.files import run_sql

revision = "20261129_13"
down_revision = "20261129_12"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    run_sql(__file__, "up")


def downgrade() -> None:
    """Remove the table; no digest is posted any more."""
    run_sql(__file__, "down")
