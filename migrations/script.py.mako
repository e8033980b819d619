"""${message}

Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}

Safety rules (delete none, they are for the reader of this file):
- Additive first; drop or rename one release later, so that old workers keep running beside new ones.
- CREATE INDEX CONCURRENTLY in an autocommit block for tables that hold data.
- No backfill of a large table in here: a batched job does that.
- Every new table and column gets a COMMENT, every tenant table row-level security with the three policies.
- downgrade() must work on data; tests/migrations runs it up, down and up again.
"""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    """Say what changes and why."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Undo it."""
    ${downgrades if downgrades else "pass"}
