"""Replace the table of postings by a keyword index of packed postings, and number the scopes of a workspace.

Revision ID: 20261128_03
Revises: 20261128_02

The rules for every migration are in `20261126_03_spending.py`. This one converts the postings in the migration itself:
workers of the previous version cannot store or recall chunks without the old table, so they must be stopped anyway.
"""

from migrations.files import run_sql

revision = "20261128_03"
down_revision = "20261128_02"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add scopes and the keyword index, convert the postings and drop their table."""
    run_sql(__file__, "up")


def downgrade() -> None:
    """Rebuild the postings from the terms of each chunk and drop the index."""
    run_sql(__file__, "down")
