"""An index finds the documents that link to a message.

Revision ID: 20261129_12
Revises: 20261129_11

The rules for every migration are in `20261126_03_spending.py`.
"""

from migrations.files import run_sql

revision = "20261129_12"
down_revision = "20261129_11"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index; documents are locked against changes while it is built."""
    run_sql(__file__, "up")


def downgrade() -> None:
    """Remove the index."""
    run_sql(__file__, "down")
