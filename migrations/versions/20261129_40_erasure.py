"""Deleting a document removes its texts from traces and jobs; servers and persons can be erased.

Revision ID: 20261129_40
Revises: 20261129_20

The rules for every migration are in `20261126_03_spending.py`.
"""

from migrations.files import run_sql

revision = "20261129_40"
down_revision = "20261129_20"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index and the rights. Building the index takes about a second per million candidates."""
    run_sql(__file__, "up")


def downgrade() -> None:
    """Remove the index and the rights."""
    run_sql(__file__, "down")
