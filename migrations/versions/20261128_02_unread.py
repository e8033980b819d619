"""What of a document was not read, and how certain recognised text is.

Revision ID: 20261128_02
Revises: 20261128_01

The rules for every migration are in `20261126_03_spending.py`.
"""

from migrations.files import run_sql

revision = "20261128_02"
down_revision = "20261128_01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the two columns and show them in the inspection views."""
    run_sql(__file__, "up")


def downgrade() -> None:
    """Drop them; documents that are added again report the same."""
    run_sql(__file__, "down")
