"""Foreign keys include the workspace.

Revision ID: 20261129_62
Revises: 20261129_61

The rules for every migration are in `20261126_03_spending.py`.
"""

from migrations.files import run_statements

revision = "20261129_62"
down_revision = "20261129_61"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Replace the foreign keys between tables of a workspace; rows that refer to another workspace are an error."""
    run_statements(__file__, "up")


def downgrade() -> None:
    """Restore the foreign keys without the workspace."""
    run_statements(__file__, "down")
