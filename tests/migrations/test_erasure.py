"""The migration for erasure, up and down on data."""

from __future__ import annotations

from sqlalchemy import text

from db.schema import migrate
from tests.migrations.test_migrations import engine, objects

DATA = """
    INSERT INTO workspaces (key) VALUES ('guild:1');
    INSERT INTO queries (workspace_id, question, recall, top_n, top_k, reranker_asked, reranker, plan, rows_asked,
                         rows_returned, answer, abstained, answer_model)
        VALUES (1, 'q', 'hybrid', 1, 1, 'none', 'none', 'exact', 1, 1, 'a', false, 'm');
    INSERT INTO query_candidates (query_id, chunk_id, workspace_id, document_id, title, recall_rank, recall_score, rank,
                                  score) VALUES (1, 1, 1, 1, 't', 1, 1, 1, 1)
"""
BEFORE = "20261129_20"


def test_erasure__down_and_up_keep_the_traces(database_url):
    new = objects(database_url)
    migrate(database_url, BEFORE)
    before = objects(database_url)
    with engine(database_url).begin() as connection:
        connection.execute(text(DATA))
    migrate(database_url)
    assert objects(database_url) == new
    migrate(database_url, BEFORE)
    assert objects(database_url) == before
    migrate(database_url)
    with engine(database_url).begin() as connection:
        connection.execute(text("SET LOCAL ROLE refdesk_worker"))
        assert connection.scalar(text("SELECT title FROM query_candidates")) == "t"
        connection.execute(text("DELETE FROM queries"))
