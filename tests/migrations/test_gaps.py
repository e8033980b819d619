"""The migrations for managers of a server: reasons of votes, up and down on data."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from db.schema import migrate
from tests.migrations.test_migrations import engine, objects

VOTES = """
    INSERT INTO workspaces (key) VALUES ('guild:1');
    INSERT INTO jobs (workspace_id, kind, queue, requester, state) VALUES (1, 'ask', 'query', '42', 'succeeded');
    INSERT INTO feedback (workspace_id, job_id, user_id, vote) VALUES (1, 1, '42', -1), (1, 1, '43', 1)
"""
SHOWN = text("SELECT user_id, vote FROM inspect.feedback ORDER BY 1")


def test_feedback_reasons__down_keeps_the_votes(database_url):
    new = objects(database_url)
    migrate(database_url, "20261129_05")
    before = objects(database_url)
    with engine(database_url).begin() as connection:
        connection.execute(text(VOTES))
    migrate(database_url)
    assert objects(database_url) == new
    with engine(database_url).begin() as connection:
        connection.execute(text("UPDATE feedback SET reason = 'wrong' WHERE vote < 0"))
        assert connection.scalars(text("SELECT reason FROM inspect.feedback ORDER BY user_id")).all() == ["wrong", None]
    for change in ("reason = 'wrong' WHERE vote > 0", "reason = 'other' WHERE vote < 0"):
        with engine(database_url).connect() as connection, pytest.raises(IntegrityError):
            connection.execute(text(f"UPDATE feedback SET {change}"))
    migrate(database_url, "20261129_05")
    assert objects(database_url) == before
    with engine(database_url).connect() as connection:
        assert connection.execute(SHOWN).all() == [("42", -1), ("43", 1)]
    migrate(database_url)
    assert objects(database_url) == new


GAPS = text("SELECT question, state, votes_against FROM inspect.gaps ORDER BY query")
TRACES = """
    INSERT INTO queries (workspace_id, job_id, question, recall, top_n, top_k, reranker_asked, reranker, plan,
                         rows_asked, rows_returned, answer, abstained, answer_model)
    VALUES (1, 1, 'voted', 'hybrid', 1, 1, 'none', 'none', 'exact', 1, 1, 'a', false, 'm'),
           (1, NULL, 'unanswered', 'hybrid', 1, 1, 'none', 'none', 'exact', 1, 1, 'a', true, 'm'),
           (1, NULL, 'answered', 'hybrid', 1, 1, 'none', 'none', 'exact', 1, 1, 'a', false, 'm')
"""


def test_gaps__down_keeps_the_traces(database_url):
    new = objects(database_url)
    migrate(database_url, "20261129_07")
    before = objects(database_url)
    with engine(database_url).begin() as connection:
        connection.execute(text(VOTES))
        connection.execute(text(TRACES))
    migrate(database_url)
    assert objects(database_url) == new
    with engine(database_url).begin() as connection:
        assert connection.execute(GAPS).all() == [("voted", "open", 1), ("unanswered", "open", 0)]
        connection.execute(text("INSERT INTO gap_resolutions (query_id, workspace_id, user_id) VALUES (2, 1, '42')"))
        connection.execute(text("UPDATE queries SET vector = '[1,2]', baseline = 0.1"))
        assert connection.execute(GAPS).all()[1] == ("unanswered", "dismissed", 0)
    migrate(database_url, "20261129_07")
    assert objects(database_url) == before
    with engine(database_url).connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM queries")) == 3
    migrate(database_url)
    assert objects(database_url) == new


def test_digests__down_restores_the_schema_before(database_url):
    new = objects(database_url)
    migrate(database_url, "20261129_12")
    before = objects(database_url)
    migrate(database_url)
    assert objects(database_url) == new
    with engine(database_url).begin() as connection:
        connection.execute(text("INSERT INTO workspaces (key) VALUES ('guild:1')"))
        connection.execute(
            text(
                "INSERT INTO digests (workspace_id, application_id, channel_id, user_id, locale)"
                " VALUES (1, '9', '7', '42', 'en-US')"
            )
        )
    migrate(database_url, "20261129_12")
    assert objects(database_url) == before
    migrate(database_url)
    assert objects(database_url) == new
