"""The migration of the role for inspection, up and down on data."""

from __future__ import annotations

from contextlib import closing

import pytest
from sqlalchemy import text

from db import jobs, workspaces
from db.engine import Database
from db.inspection import run_inspection
from db.schema import migrate
from pipeline.errors import InvalidInput
from tests.migrations.test_migrations import engine, objects

BEFORE = "20261129_60"
ROWS = """
    INSERT INTO queries (workspace_id, job_id, question, recall, top_n, top_k, reranker_asked, reranker, plan,
                         rows_asked, rows_returned, answer, abstained, answer_model)
    VALUES (1, 1, 'asked', 'hybrid', 1, 1, 'none', 'none', 'exact', 1, 1, 'the answer', false, 'm')
"""


def test_reader__down_and_up_on_data(database_url):
    new = objects(database_url)
    migrate(database_url, BEFORE)
    before = objects(database_url)
    with closing(Database(database_url)) as database:
        with database.system() as session:
            workspace = workspaces.ensure_workspace(session, "local")
        # A process of the version before connects as the owner and keeps working after the migration.
        with engine(database_url).connect() as old:
            old.execute(text("SELECT set_config('role', 'refdesk_app', false)"))
            old.execute(text(f"SELECT set_config('refdesk.workspace', '{workspace}', false)"))
            statement = text(
                "INSERT INTO jobs (workspace_id, kind, queue, requester, state, payload) VALUES"
                " (:w, 'ask', 'query', '42', 'queued', CAST(:payload AS jsonb))"
            )
            old.execute(statement, {"w": workspace, "payload": '{"question": "asked", "conversation": ["told"]}'})
            old.commit()
            migrate(database_url)
            old.execute(statement, {"w": workspace, "payload": '{"name": "a.md", "source": "s"}'})
            old.commit()
        assert objects(database_url) == new
        with engine(database_url).begin() as connection:
            connection.execute(text(ROWS))
        table = run_inspection(database, "SELECT id, about FROM inspect.jobs ORDER BY id")
        assert table.rows == [(1, "asked"), (2, "a.md")]
        with database.tenant(workspace) as session:
            jobs.submit(session, jobs.NewJob(workspace, "ask", {"question": "new"}))
        assert run_inspection(database, "SELECT about FROM inspect.jobs WHERE id = 3").rows == [("new",)]
        with pytest.raises(InvalidInput, match="permission denied"):
            run_inspection(database, "SELECT answer FROM public.queries")
        migrate(database_url, BEFORE)
        assert objects(database_url) == before
        assert run_inspection(database, "SELECT answer FROM inspect.queries").rows == [("the answer",)]
        assert run_inspection(database, "SELECT about FROM inspect.jobs ORDER BY id LIMIT 1").rows == [("asked",)]
    migrate(database_url)
    assert objects(database_url) == new
