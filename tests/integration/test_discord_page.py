"""The SQL statements of docs/discord.md delete all records of a user or a server, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest

PAGE = Path(__file__).parent.parent.parent / "docs" / "discord.md"
PERSON, GUILD = "1180000000000000003", "guild:1180000000000000001"
ROWS = """
INSERT INTO workspaces (key) VALUES ('guild:1180000000000000001'), ('guild:2');
INSERT INTO deliveries (workspace_id, request_key, kind, application_id, channel_id, user_id)
SELECT w.id, 'r' || p, 'answer', '1', '2', p FROM workspaces w, (VALUES ('1180000000000000003'), ('5')) v (p);
INSERT INTO jobs (workspace_id, kind, queue, requester, payload, delivery_id)
SELECT d.workspace_id, k.kind, k.queue, d.user_id, '{"question": "?"}', d.id
FROM deliveries d, (VALUES ('ask', 'query'), ('ingest', 'ingest')) k (kind, queue);
INSERT INTO feedback (workspace_id, job_id, user_id, vote)
SELECT workspace_id, id, u, 1 FROM jobs, (VALUES ('1180000000000000003'), ('5')) v (u) WHERE kind = 'ask';
INSERT INTO queries (workspace_id, job_id, requester, question, recall, top_n, top_k, reranker_asked, reranker, plan,
                     rows_asked, rows_returned, answer, abstained, answer_model, timings_ms)
SELECT workspace_id, id, requester, '?', 'hybrid', 1, 1, 'none', 'none', 'exact', 1, 1, '!', false, 'extractive', '{}'
FROM jobs WHERE kind = 'ask';
INSERT INTO blobs (workspace_id, sha256, content) SELECT id, '\\x01', '\\x01' FROM workspaces;
INSERT INTO documents (workspace_id, source, title, media_type) SELECT id, 's', 't', 'text/plain' FROM workspaces;
INSERT INTO document_versions (workspace_id, document_id, job_id, sha256, title, media_type, chunks)
SELECT d.workspace_id, d.id, j.id, '\\x01', 't', 'text/plain', 0 FROM documents d
JOIN jobs j ON j.workspace_id = d.workspace_id AND j.kind = 'ingest' AND j.requester = '5';
INSERT INTO quarantine (workspace_id, sha256, job_id, error)
SELECT workspace_id, '\\x02', id, 'x' FROM jobs WHERE kind = 'ingest' AND requester = '5';
INSERT INTO workspace_settings (workspace_id, updated_by) SELECT id, '5' FROM workspaces;
"""


def _statements(number: int) -> str:
    return list[str](re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))[number]


@pytest.fixture
def connection(database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("TRUNCATE workspaces CASCADE")
        connection.execute(ROWS)
        yield connection


def _tables(connection) -> list[str]:
    rows = connection.execute(
        "SELECT table_name FROM information_schema.columns "
        "JOIN information_schema.tables USING (table_schema, table_name) "
        "WHERE table_schema = 'public' AND column_name = 'workspace_id' AND table_type = 'BASE TABLE'"
    )
    return sorted(row[0] for row in rows)


def test_page__deletes_the_questions_of_a_user_only(connection):
    connection.execute(_statements(0))
    left = "SELECT (SELECT count(*) FROM {}), (SELECT count(*) FROM {} WHERE {} = %s)"
    for table, column, others in (
        ("feedback", "user_id", 2),
        ("deliveries", "user_id", 2),
        ("queries", "requester", 2),
    ):
        assert connection.execute(left.format(table, table, column), [PERSON]).fetchone() == (others, 0)
    kinds = connection.execute("SELECT kind, count(*) FROM jobs WHERE requester = %s GROUP BY 1", [PERSON]).fetchall()
    assert kinds == [("ingest", 2)]
    assert connection.execute("SELECT count(*) FROM documents").fetchone() == (2,)


def test_page__deletes_one_server_completely(connection):
    before = {table: _count(connection, table, "guild:2") for table in _tables(connection)}
    assert all(_count(connection, table, GUILD) for table in before if before[table])
    connection.execute(_statements(1))
    assert connection.execute("SELECT key FROM workspaces WHERE key LIKE 'guild:%'").fetchall() == [("guild:2",)]
    assert {table: _count(connection, table, "guild:2") for table in before} == before
    for table in before:
        orphans = f"SELECT count(*) FROM {table} WHERE workspace_id NOT IN (SELECT id FROM workspaces)"
        assert connection.execute(orphans).fetchone() == (0,), table


def _count(connection, table: str, key: str) -> int:
    query = f"SELECT count(*) FROM {table} JOIN workspaces w ON w.id = workspace_id WHERE w.key = %s"
    return int(connection.execute(query, [key]).fetchone()[0])
