"""The migration for retention and the quota of stored bytes, up and down on data."""

from __future__ import annotations

from sqlalchemy import text

from db.schema import migrate
from tests.migrations.test_migrations import engine, objects

DATA = """
    INSERT INTO workspaces (key) VALUES ('guild:1');
    INSERT INTO workspace_settings (workspace_id, top_k) VALUES (1, 5)
"""
BEFORE = "20261129_40"


def test_retention__down_keeps_the_other_settings(database_url):
    new = objects(database_url)
    migrate(database_url, BEFORE)
    before = objects(database_url)
    with engine(database_url).begin() as connection:
        connection.execute(text(DATA))
    migrate(database_url)
    assert objects(database_url) == new
    with engine(database_url).begin() as connection:
        connection.execute(text("UPDATE workspace_settings SET retention_days = 30, library_mb = 100"))
    migrate(database_url, BEFORE)
    assert objects(database_url) == before
    with engine(database_url).begin() as connection:
        assert connection.scalar(text("SELECT top_k FROM workspace_settings")) == 5
