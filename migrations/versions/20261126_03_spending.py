"""Reservations for running questions, and a view of the spending.

Revision ID: 20261126_03
Revises: 20261126_01

Rules for every migration:
- Additive first; drop or rename one release later, because workers of the previous version keep running meanwhile.
- Use CREATE INDEX CONCURRENTLY in an autocommit block on tables that contain data.
- Do not backfill a large table here; use a batched job.
- Every new table and column gets a COMMENT; every tenant table gets row-level security with the three policies.
- downgrade() must work on data; tests/migrations runs each migration up, down and up again.
"""

from migrations.files import run_sql

revision = "20261126_03"
down_revision = "20261126_01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the reservations and the view."""
    run_sql(__file__, "up")


def downgrade() -> None:
    """Drop them; the traces still record the spending."""
    run_sql(__file__, "down")
