"""The migration that records the fencing tokens of writers, up and down on data."""

from __future__ import annotations

from sqlalchemy import text

from db.schema import migrate
from tests.migrations.test_migrations import engine, objects

BEFORE = "20261129_62"
JOB = """
    INSERT INTO workspaces (key) VALUES ('guild:1');
    INSERT INTO jobs (workspace_id, kind, queue, requester) VALUES (1, 'ask', 'query', '42')
"""
CLAIM = """
    UPDATE jobs SET state = 'running', stage = 'start', lease_owner = 'w', lease_token = gen_random_uuid(),
        lease_expires = now(){} WHERE id = 1
"""
RELEASE = "UPDATE jobs SET state = 'queued', lease_token = NULL, lease_expires = NULL"


def test_writer_tokens__down_and_up_on_data(database_url):
    new = objects(database_url)
    migrate(database_url, BEFORE)
    before = objects(database_url)
    with engine(database_url).begin() as connection:
        connection.execute(text(JOB))
        connection.execute(text(CLAIM.format("")))
    migrate(database_url)
    assert objects(database_url) == new
    with engine(database_url).begin() as connection:
        # A worker of the previous version, and one of this version.
        connection.execute(text(RELEASE))
        connection.execute(text(CLAIM.format(", writer_token = '00000000-0000-0000-0000-000000000001'")))
        events = connection.execute(text("SELECT state, right(writer_token::text, 1) FROM job_events ORDER BY id"))
        assert events.all() == [("queued", None), ("running", None), ("queued", None), ("running", "1")]
    migrate(database_url, BEFORE)
    assert objects(database_url) == before
    with engine(database_url).begin() as connection:
        connection.execute(text("UPDATE jobs SET state = 'succeeded'"))
        assert connection.scalar(text("SELECT count(*) FROM job_events")) == 5
    migrate(database_url)
    assert objects(database_url) == new
