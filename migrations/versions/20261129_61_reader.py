"""The role for inspection reads no contents: no texts, answers, vectors, terms, original bytes and tokens.

Revision ID: 20261129_61
Revises: 20261129_60

The rules for every migration are in `20261126_03_spending.py`.
"""

from migrations.files import run_sql

revision = "20261129_61"
down_revision = "20261129_60"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Replace the grants and views. The table of jobs is rewritten for the generated column."""
    run_sql(__file__, "up")


def downgrade() -> None:
    """Restore the earlier grants and views."""
    run_sql(__file__, "down")
