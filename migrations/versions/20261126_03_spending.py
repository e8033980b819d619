"""Money set aside for questions under way, and a view of what has been spent.

Revision ID: 20261126_03
Revises: 20261126_01

Safety rules (delete none, they are for the reader of this file):
- Additive first; drop or rename one release later, so that old workers keep running beside new ones.
- CREATE INDEX CONCURRENTLY in an autocommit block for tables that hold data.
- No backfill of a large table in here: a batched job does that.
- Every new table and column gets a COMMENT, every tenant table row-level security with the three policies.
- downgrade() must work on data; tests/migrations runs it up, down and up again.
"""

from migrations.files import run_beside

revision = "20261126_03"
down_revision = "20261126_01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the reservations and the view."""
    run_beside(__file__, "up")


def downgrade() -> None:
    """Take them away again; what was spent is in the traces."""
    run_beside(__file__, "down")
