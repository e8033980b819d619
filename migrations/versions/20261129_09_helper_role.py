"""Servers have helpers, whom members can ask if the library has no answer.

Revision ID: 20261129_09
Revises: 20261129_08

The rules for every migration are in `20261126_03_spending.py`.
"""

from migrations.files import run_sql

revision = "20261129_09"
down_revision = "20261129_08"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the role of the helpers and the table of requests. No table is rewritten."""
    run_sql(__file__, "up")


def downgrade() -> None:
    """Remove the role and the requests; posted messages remain."""
    run_sql(__file__, "down")
