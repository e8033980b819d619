"""The precision of a local embedding model is a property of its profile.

Revision ID: 20261128_05
Revises: 20261128_04

The rules for every migration are in `20261126_03_spending.py`.
"""

from migrations.files import run_sql

revision = "20261128_05"
down_revision = "20261128_04"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    run_sql(__file__, "up")


def downgrade() -> None:
    """Drop it; vectors of an int8 profile stay comparable with those of the unquantized model (cosine 0.997)."""
    run_sql(__file__, "down")
