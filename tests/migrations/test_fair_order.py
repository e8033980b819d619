"""The migration for the fair order of jobs and chunks, up and down on data."""

from __future__ import annotations

from sqlalchemy import text

from db.schema import migrate
from tests.migrations.test_migrations import engine, objects

WAITING = """
    INSERT INTO workspaces (key) VALUES ('guild:1'), ('guild:2');
    INSERT INTO jobs (workspace_id, kind, queue) SELECT 1, 'ingest', 'ingest' FROM generate_series(1, 3);
    INSERT INTO jobs (workspace_id, kind, queue) VALUES (2, 'ingest', 'ingest');
    INSERT INTO jobs (workspace_id, kind, queue, state) VALUES (2, 'ingest', 'ingest', 'succeeded')
"""
AHEAD = text("SELECT jobs_ahead(queue, id) FROM jobs WHERE state = 'queued' ORDER BY id")
EVENTS = text("SELECT count(*) FROM job_events")


def test_fair_order__queued_jobs_take_turns_after_it_and_wait_in_order_before(database_url):
    new = objects(database_url)
    migrate(database_url, "20261129_42")
    before = objects(database_url)
    with engine(database_url).begin() as connection:
        connection.execute(text(WAITING))
        assert list(connection.scalars(AHEAD)) == [0, 1, 2, 3]
        events = connection.scalar(EVENTS)
    migrate(database_url)
    assert objects(database_url) == new
    with engine(database_url).connect() as connection:
        places = connection.scalars(text("SELECT virtual_time FROM jobs ORDER BY id"))
        assert list(places) == [1, 2, 3, 1, 0]
        assert list(connection.scalars(AHEAD)) == [0, 2, 3, 1]
        assert connection.scalar(EVENTS) == events
    migrate(database_url, "20261129_42")
    assert objects(database_url) == before
    with engine(database_url).connect() as connection:
        assert list(connection.scalars(AHEAD)) == [0, 1, 2, 3]
    migrate(database_url)
    assert objects(database_url) == new
