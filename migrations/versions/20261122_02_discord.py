"""Tables of the Discord bot: deliveries, feedback, workspace settings, hashes of registered commands; document links.

Revision ID: 20261122_02
Revises: 20261122_01

Rules for every migration:
- Additive first; drop or rename one release later, because workers of the previous version keep running meanwhile.
- Use CREATE INDEX CONCURRENTLY in an autocommit block on tables that contain data.
- Do not backfill a large table here; use a batched job.
- Every new table and column gets a COMMENT; every tenant table gets row-level security with the three policies.
- downgrade() must work on data; tests/migrations runs each migration up, down and up again.

Exceptions here: `jobs.deliver` is unused from this revision on, because only front ends ever read or wrote it, and they
check the schema when they start. The index on `jobs.delivery_id` is built in the transaction, because it is partial on
a column that is null everywhere, so the build is one scan while the new column locks the table anyway.
"""

from migrations.files import run_sql

revision = "20261122_02"
down_revision = "20261122_01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables and columns of the Discord bot."""
    run_sql(__file__, "up")


def downgrade() -> None:
    """Drop them; jobs and documents remain."""
    run_sql(__file__, "down")
