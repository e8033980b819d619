"""The migration of the foreign keys, up and down on data, again after an interruption, and with wrong rows."""

from __future__ import annotations

import subprocess
import sys
import time

import psycopg
import pytest
from sqlalchemy import text

from db.schema import inspect_schema, migrate
from tests.migrations.test_migrations import engine, objects

OTHERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
BEFORE = "20261129_61"
ROWS = """
    INSERT INTO workspaces (key) VALUES ('guild:1'), ('guild:2');
    INSERT INTO jobs (workspace_id, kind, queue, requester, state) VALUES (1, 'ask', 'query', '42', 'succeeded');
    INSERT INTO feedback (workspace_id, job_id, user_id, vote) VALUES (1, 1, '42', -1);
    INSERT INTO documents (workspace_id, source, title) VALUES (1, 's', 't');
    INSERT INTO document_versions (workspace_id, document_id, job_id, sha256, title, media_type)
    VALUES (1, 1, 1, '', 't', 'text/plain');
    UPDATE documents SET live_version_id = 1
"""


def test_workspace_keys__down_and_up_on_data(database_url):
    new = objects(database_url)
    migrate(database_url, BEFORE)
    before = objects(database_url)
    with engine(database_url).begin() as connection:
        connection.execute(text(ROWS))
    migrate(database_url)
    assert objects(database_url) == new
    with engine(database_url).begin() as connection:
        # Deleting a row clears only the reference, never the workspace of the referring row.
        connection.execute(text("DELETE FROM jobs"))
        assert connection.execute(text("SELECT workspace_id, job_id FROM document_versions")).all() == [(1, None)]
        connection.execute(text("DELETE FROM document_versions"))
        assert connection.execute(text("SELECT workspace_id, live_version_id FROM documents")).all() == [(1, None)]
        assert connection.scalar(text("SELECT count(*) FROM feedback")) == 0
    migrate(database_url, BEFORE)
    assert objects(database_url) == before
    migrate(database_url)
    assert objects(database_url) == new


def test_workspace_keys__after_an_interruption_and_with_a_wrong_row(database_url):
    new = objects(database_url)
    migrate(database_url, BEFORE)
    with engine(database_url).begin() as connection:
        connection.execute(text(ROWS))
        connection.execute(text("UPDATE document_versions SET workspace_id = 2"))
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match="_in_workspace"):
        migrate(database_url)
    assert inspect_schema(database_url).current == BEFORE
    with engine(database_url).begin() as connection:
        connection.execute(text("UPDATE document_versions SET workspace_id = 1"))
    migrate(database_url)
    assert objects(database_url) == new


def test_two_processes_migrate_at_once(database_url):
    new = objects(database_url)
    migrate(database_url, BEFORE)
    command = [sys.executable, "-c", "import sys; from db.schema import migrate; migrate(sys.argv[1])", database_url]
    with psycopg.connect(database_url, autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(72450001)")  # both wait for the lock of a migration
        processes = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
        end = time.monotonic() + 60
        while holder.execute(OTHERS).fetchone() != (2,):
            assert time.monotonic() < end
            time.sleep(0.05)
        time.sleep(2)  # from the connection to the lock
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors.decode()
    assert objects(database_url) == new
