"""Documents store the size of their live version, so that keyword statistics need no join.

Revision ID: 20261122_04
Revises: 20261122_03

Rules for every migration:
- Additive first; drop or rename one release later, because workers of the previous version keep running meanwhile.
- Use CREATE INDEX CONCURRENTLY in an autocommit block on tables that contain data.
- Do not backfill a large table here; use a batched job.
- Every new table and column gets a COMMENT; every tenant table gets row-level security with the three policies.
- downgrade() must work on data; tests/migrations runs each migration up, down and up again.

Exception here: `documents` is backfilled, because it has one narrow row per document (100,000 rows take one to two
seconds), and recall would compute wrong statistics from an empty size.
"""

from migrations.files import run_sql

revision = "20261122_04"
down_revision = "20261122_03"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the sizes and the trigger that updates them."""
    run_sql(__file__, "up")


def downgrade() -> None:
    """Drop the sizes; the versions still have them."""
    run_sql(__file__, "down")
