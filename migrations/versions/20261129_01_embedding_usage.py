"""The tokens and cost of embedding endpoints, which count toward the spending limits.

Revision ID: 20261129_01
Revises: 20261128_06

The rules for every migration are in `20261126_03_spending.py`.
"""

from migrations.files import run_sql

revision = "20261129_01"
down_revision = "20261128_06"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, and the view that sums all spending."""
    run_sql(__file__, "up")


def downgrade() -> None:
    """Drop both; the recorded usage is lost, and only questions count toward the limits again."""
    run_sql(__file__, "down")
