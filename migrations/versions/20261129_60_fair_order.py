"""A fair order of jobs and of chunks between workspaces, and between the people of a workspace.

Revision ID: 20261129_60
Revises: 20261129_42

The rules for every migration are in `20261126_03_spending.py`.
"""

from migrations.files import run_sql

revision = "20261129_60"
down_revision = "20261129_42"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the order; only jobs that are queued now get a place in it. Queued chunks count as those of one person."""
    run_sql(__file__, "up")


def downgrade() -> None:
    """Return to the order of submission."""
    run_sql(__file__, "down")
