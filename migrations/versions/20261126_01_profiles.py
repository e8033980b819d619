"""Embedding profiles are built beside the live one; workers say which models they have in memory.

Revision ID: 20261126_01
Revises: 20261122_04

Safety rules (delete none, they are for the reader of this file):
- Additive first; drop or rename one release later, so that old workers keep running beside new ones.
- CREATE INDEX CONCURRENTLY in an autocommit block for tables that hold data.
- No backfill of a large table in here: a batched job does that.
- Every new table and column gets a COMMENT, every tenant table row-level security with the three policies.
- downgrade() must work on data; tests/migrations runs it up, down and up again.
"""

from migrations.files import run_beside

revision = "20261126_01"
down_revision = "20261122_04"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what a profile beside the live one needs."""
    run_beside(__file__, "up")


def downgrade() -> None:
    """Take it away again; vectors stay."""
    run_beside(__file__, "down")
