"""The migrations of the usage of embedding endpoints, up and down on data."""

from __future__ import annotations

from sqlalchemy import text

from db.schema import migrate
from tests.migrations.test_migrations import engine, objects

DATA = """
    INSERT INTO workspaces (key) VALUES ('local');
    INSERT INTO embedding_profiles (name, model, dimensions, max_tokens, query_prefix, passage_prefix, normalize, state)
    VALUES ('p', 'm', 3, 9, '', '', true, 'live');
    INSERT INTO jobs (workspace_id, kind, queue, requester, state)
    VALUES (1, 'ask', 'query', '42', 'failed'), (1, 'ingest', 'ingest', '42', 'running'),
           (1, 'ingest', 'ingest', '42', 'succeeded');
    INSERT INTO spending_reservations (workspace_id, job_id, requester, lease_token, usd)
    VALUES (1, 1, '42', gen_random_uuid(), 1), (1, 2, '42', gen_random_uuid(), 2), (1, 3, '42', gen_random_uuid(), 4);
    INSERT INTO queries (workspace_id, requester, question, recall, top_n, top_k, reranker_asked, reranker, plan,
                         rows_asked, rows_returned, answer, abstained, answer_model, calls, prompt_tokens, cost_usd)
    VALUES (1, '42', 'q', 'hybrid', 1, 1, 'none', 'none', 'exact', 1, 1, 'a', false, 'm', 1, 10, 8)
"""
USAGE = """
    INSERT INTO embedding_usage (workspace_id, profile_id, job_id, requester, tokens, cost_usd)
    VALUES (1, 1, 3, '42', 100, 0.5), (1, 1, 3, NULL, 70, 0.25)
"""
SPENDING = text("SELECT questions, calls, tokens, cost_usd::float, reserved_usd::float FROM inspect.spending")
FILES = text("SELECT pg_relation_filenode('queries'), pg_relation_filenode('spending_reservations')")


def test_embedding_usage__counts_and_down_restores_the_schema_before(database_url):
    new = objects(database_url)
    migrate(database_url, "20261128_06")
    before = objects(database_url)
    with engine(database_url).begin() as connection:
        connection.execute(text(DATA))
        assert connection.execute(SPENDING).all() == [(1, 1, 10, 8.0, 7.0)]
    migrate(database_url)
    assert objects(database_url) == new
    with engine(database_url).begin() as connection:
        connection.execute(text(USAGE))
        # The open document and the question that failed count with their reservations, the profile's build does not.
        assert connection.execute(SPENDING).all() == [(1, 1, 110, 8.5, 3.0)]
    migrate(database_url, "20261128_06")
    assert objects(database_url) == before
    with engine(database_url).connect() as connection:
        assert connection.execute(SPENDING).all() == [(1, 1, 10, 8.0, 1.0)]
    migrate(database_url)
    assert objects(database_url) == new


def test_remaining_reservations__count_without_the_recorded_batches(database_url):
    new = objects(database_url)
    migrate(database_url, "20261129_04")
    before = objects(database_url)
    usage = """
        INSERT INTO embedding_usage (workspace_id, profile_id, job_id, requester, tokens, cost_usd)
        VALUES (1, 1, 2, '42', 100, 0.5000000002), (1, 1, 2, NULL, 70, 0.25)
    """
    with engine(database_url).begin() as connection:
        connection.execute(text(DATA))
        connection.execute(text(usage))
        assert connection.execute(SPENDING).all() == [(1, 1, 110, 8.5000000002, 3.0)]
        files = connection.execute(FILES).all()
    migrate(database_url)
    assert objects(database_url) == new
    with engine(database_url).begin() as connection:
        assert connection.execute(FILES).all() == files, "no table is rewritten"
        assert connection.execute(SPENDING).all() == [(1, 1, 110, 8.5000000002, 2.4999999998)]
        connection.execute(text("UPDATE queries SET cost_usd = 0.0000000003"))
    migrate(database_url, "20261129_04")
    assert objects(database_url) == before
    with engine(database_url).connect() as connection:
        assert connection.scalar(text("SELECT cost_usd FROM queries")) == 0
    migrate(database_url)
    assert objects(database_url) == new
