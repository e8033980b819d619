"""Index the vectors by scope, in an order that also yields a sample of each scope.

Revision ID: 20261128_04
Revises: 20261128_03

The rules for every migration are in `20261126_03_spending.py`.
"""

from migrations.files import run_sql

revision = "20261128_04"
down_revision = "20261128_03"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Replace the index by version with one by scope."""
    run_sql(__file__, "up")


def downgrade() -> None:
    """Restore the index by version."""
    run_sql(__file__, "down")
