"""Discord: deliveries, feedback, settings of a workspace, hashes of registered commands; where documents came from.

Revision ID: 20261122_02
Revises: 20261122_01

Safety rules (delete none, they are for the reader of this file):
- Additive first; drop or rename one release later, so that old workers keep running beside new ones.
- CREATE INDEX CONCURRENTLY in an autocommit block for tables that hold data.
- No backfill of a large table in here: a batched job does that.
- Every new table and column gets a COMMENT, every tenant table row-level security with the three policies.
- downgrade() must work on data; tests/migrations runs it up, down and up again.

Where this file stretches them: `jobs.deliver` goes at once, because nothing has ever written or read it but front ends,
which check the schema when they start; and the index on `jobs.delivery_id` is built in the transaction, because it is
partial on a column that is all null then, so it is one look at the table while the new column locks it anyway.
"""

from migrations.files import run_beside

revision = "20261122_02"
down_revision = "20261122_01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what the Discord bot keeps."""
    run_beside(__file__, "up")


def downgrade() -> None:
    """Take it away again; jobs and documents stay."""
    run_beside(__file__, "down")
