"""The migration for the estimated wait of questions, up and down on data."""

from __future__ import annotations

from sqlalchemy import text

from db.schema import migrate
from tests.migrations.test_migrations import engine, objects

WAITING = """
    INSERT INTO workspaces (key) VALUES ('guild:1');
    INSERT INTO workers (id, role, queues, host, pid) VALUES ('w', 'query', '{query}', 'h', 1);
    INSERT INTO jobs (workspace_id, kind, queue, state, published_at) VALUES (1, 'ask', 'query', 'queued', now());
    INSERT INTO jobs (workspace_id, kind, queue, state, started_at, finished_at)
    SELECT 1, 'ask', 'query', 'succeeded', now() - interval '5 seconds', now() FROM generate_series(1, 3)
"""
WORKER = "INSERT INTO workers (id, role, queues, host, pid) VALUES ('w', 'query', '{query}', 'h', 1)"
SHOWN = text("SELECT concurrency FROM inspect.workers")
REASON = text("SELECT why FROM inspect.jobs WHERE state = 'queued'")


def test_expected_wait__down_and_up_keep_workers_and_jobs(database_url):
    new = objects(database_url)
    migrate(database_url, "20261129_06")
    before = objects(database_url)
    with engine(database_url).begin() as connection:
        connection.execute(text(WAITING))
        assert connection.scalar(REASON) == 'Waiting in the queue "query" behind 0 jobs.'
    migrate(database_url)
    assert objects(database_url) == new
    with engine(database_url).begin() as connection:
        assert connection.scalar(REASON) == 'Waiting in the queue "query" behind 0 jobs, about 5 s.'
        assert connection.scalar(text("SELECT concurrency FROM workers")) == 1
    migrate(database_url, "20261129_06")
    assert objects(database_url) == before
    with engine(database_url).connect() as connection:
        assert connection.scalar(REASON) == 'Waiting in the queue "query" behind 0 jobs.'
    migrate(database_url)
    assert objects(database_url) == new


def test_worker_concurrency__down_and_up_keep_the_view_and_its_rights(database_url):
    new = objects(database_url)
    migrate(database_url, "20261129_41")
    assert objects(database_url) != new
    with engine(database_url).begin() as connection:
        connection.execute(text(WORKER))
        connection.execute(text("SET LOCAL ROLE refdesk_read"))
        assert connection.scalar(text("SELECT id FROM inspect.workers")) == "w"
    migrate(database_url)
    assert objects(database_url) == new
    with engine(database_url).begin() as connection:
        connection.execute(text("SET LOCAL ROLE refdesk_read"))
        assert connection.scalar(SHOWN) == 1
