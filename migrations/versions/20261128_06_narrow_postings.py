"""Postings of most blocks take six bytes; merges delete the blocks that they have moved.

Revision ID: 20261128_06
Revises: 20261128_05

The rules for every migration are in `20261126_03_spending.py`.
"""

from migrations.files import run_sql

revision = "20261128_06"
down_revision = "20261128_05"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Describe and decode both kinds of blocks, and remove the state that no segment has any more."""
    run_sql(__file__, "up")


def downgrade() -> None:
    """Move the postings of all segments back to the tail, because the older version reads wide blocks only."""
    run_sql(__file__, "down")
