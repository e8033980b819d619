"""Documents carry the size of their live version, so that keyword statistics need no join.

Revision ID: 20261122_04
Revises: 20261122_03

Safety rules (delete none, they are for the reader of this file):
- Additive first; drop or rename one release later, so that old workers keep running beside new ones.
- CREATE INDEX CONCURRENTLY in an autocommit block for tables that hold data.
- No backfill of a large table in here: a batched job does that.
- Every new table and column gets a COMMENT, every tenant table row-level security with the three policies.
- downgrade() must work on data; tests/migrations runs it up, down and up again.

Where this file stretches them: `documents` is filled in here, because it has one narrow row per document: 100,000 take
a second or two, and a recall that met an empty size would count wrong.
"""

from migrations.files import run_beside

revision = "20261122_04"
down_revision = "20261122_03"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the sizes and what keeps them right."""
    run_beside(__file__, "up")


def downgrade() -> None:
    """Take them away again; the versions have them still."""
    run_beside(__file__, "down")
