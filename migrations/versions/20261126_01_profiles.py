"""Embedding profiles are built in parallel to the live one; workers record which models they have loaded.

Revision ID: 20261126_01
Revises: 20261122_04

Rules for every migration:
- Additive first; drop or rename one release later, because workers of the previous version keep running meanwhile.
- Use CREATE INDEX CONCURRENTLY in an autocommit block on tables that contain data.
- Do not backfill a large table here; use a batched job.
- Every new table and column gets a COMMENT; every tenant table gets row-level security with the three policies.
- downgrade() must work on data; tests/migrations runs each migration up, down and up again.
"""

from migrations.files import run_sql

revision = "20261126_01"
down_revision = "20261122_04"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the states and columns of parallel profiles."""
    run_sql(__file__, "up")


def downgrade() -> None:
    """Drop them; vectors remain."""
    run_sql(__file__, "down")
