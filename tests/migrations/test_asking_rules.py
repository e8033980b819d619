"""The migration for who may ask where, up and down on data."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from db.schema import migrate
from tests.migrations.test_migrations import engine, objects

SETTINGS = """
    INSERT INTO workspaces (key) VALUES ('guild:1');
    INSERT INTO workspace_settings (workspace_id, top_k, updated_by) VALUES (1, 5, '42')
"""
SHOWN = text("SELECT top_k, updated_by FROM workspace_settings")


def test_asking_rules__down_keeps_the_other_settings(database_url):
    new = objects(database_url)
    migrate(database_url, "20261129_09")
    before = objects(database_url)
    with engine(database_url).begin() as connection:
        connection.execute(text(SETTINGS))
    migrate(database_url)
    assert objects(database_url) == new
    change = "UPDATE workspace_settings SET ask_roles = '{5}', direct_messages = false, channel_rules = "
    with engine(database_url).begin() as connection:
        connection.execute(text(change + "'{}'"))
    with engine(database_url).connect() as connection, pytest.raises(IntegrityError):
        connection.execute(text(change + "'[]'"))
    migrate(database_url, "20261129_09")
    assert objects(database_url) == before
    with engine(database_url).connect() as connection:
        assert connection.execute(SHOWN).all() == [(5, "42")]
    migrate(database_url)
    assert objects(database_url) == new


@pytest.mark.parametrize("before", ["20261129_10", "20261129_11"])
def test_indexes__down_removes_them(database_url, before):
    new = objects(database_url)
    migrate(database_url, before)
    assert objects(database_url) != new
    migrate(database_url)
    assert objects(database_url) == new
