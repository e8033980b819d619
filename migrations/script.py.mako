"""${message}.

Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}

Rules for every migration:
- Additive first; drop or rename one release later, because workers of the previous version keep running meanwhile.
- Use CREATE INDEX CONCURRENTLY in an autocommit block on tables that contain data.
- Do not backfill a large table here; use a batched job.
- Every new table and column gets a COMMENT; every tenant table gets row-level security with the three policies.
- downgrade() must work on data; tests/migrations runs each migration up, down and up again.
"""

from migrations.files import run_sql

revision = "${up_revision}"
down_revision = "${down_revision}"
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    """Run the statements in `<this file>.up.sql`."""
    run_sql(__file__, "up")


def downgrade() -> None:
    """Run the statements in `<this file>.down.sql`."""
    run_sql(__file__, "down")
