"""The migration for helpers of a server, up and down on data."""

from __future__ import annotations

from sqlalchemy import text

from db.schema import migrate
from tests.migrations.test_migrations import engine, objects

DATA = """
    INSERT INTO workspaces (key) VALUES ('guild:1');
    INSERT INTO jobs (workspace_id, kind, queue, requester, state) VALUES (1, 'ask', 'query', '42', 'succeeded');
    INSERT INTO workspace_settings (workspace_id, top_k) VALUES (1, 5)
"""


def test_helpers__down_keeps_the_other_settings(database_url):
    new = objects(database_url)
    migrate(database_url, "20261129_08")
    before = objects(database_url)
    with engine(database_url).begin() as connection:
        connection.execute(text(DATA))
    migrate(database_url)
    assert objects(database_url) == new
    with engine(database_url).begin() as connection:
        connection.execute(text("UPDATE workspace_settings SET helper_role = '7'"))
        connection.execute(text("INSERT INTO helper_requests (workspace_id, job_id, user_id) VALUES (1, 1, '42')"))
    migrate(database_url, "20261129_08")
    assert objects(database_url) == before
    with engine(database_url).begin() as connection:
        assert connection.scalar(text("SELECT top_k FROM workspace_settings")) == 5
    migrate(database_url)
    with engine(database_url).begin() as connection:
        connection.execute(text("INSERT INTO helper_requests (workspace_id, job_id, user_id) VALUES (1, 1, '42')"))
        connection.execute(text("DELETE FROM jobs"))
        assert connection.scalar(text("SELECT count(*) FROM helper_requests")) == 0, "they go with the question"


def test_helper_posts__earlier_requests_and_those_of_the_previous_version_count_as_posted(database_url):
    new = objects(database_url)
    migrate(database_url, "20261129_63")
    before = objects(database_url)
    request = "INSERT INTO helper_requests (workspace_id, job_id, user_id) VALUES (1, {}, '42')"
    with engine(database_url).begin() as connection:
        connection.execute(text(DATA))
        connection.execute(text("INSERT INTO jobs (workspace_id, kind, queue) VALUES (1, 'ask', 'query')"))
        connection.execute(text(request.format(1)))
    migrate(database_url)
    assert objects(database_url) == new
    with engine(database_url).begin() as connection:
        connection.execute(text(request.format(2)))
        assert connection.scalar(text("SELECT count(*) FROM helper_requests WHERE posted")) == 2
    migrate(database_url, "20261129_63")
    assert objects(database_url) == before
    migrate(database_url)
    assert objects(database_url) == new
