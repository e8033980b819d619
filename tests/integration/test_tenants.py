"""Tenants cannot see each other: for every tenant table, for every role, by the database itself."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from db.recall import PostgresRecall
from pipeline.recall import query_terms
from pipeline.types import RecallQuery

TENANT_TABLES = [
    *("jobs", "job_events", "quarantine", "blobs", "documents", "document_versions", "chunks", "postings"),
    *("embeddings", "embedding_queue", "queries", "query_candidates"),
]


def test_every_table_with_a_workspace_is_a_tenant_table(library):
    with library.database.owner() as session:
        found = session.scalars(
            text(
                "SELECT c.table_name FROM information_schema.columns c"
                " JOIN information_schema.tables t USING (table_name)"
                " WHERE c.table_schema = 'public' AND t.table_schema = 'public' AND t.table_type = 'BASE TABLE'"
                " AND c.column_name = 'workspace_id'"
            )
        )
        assert set(found) == set(TENANT_TABLES)
        unprotected = session.scalars(
            text("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname = ANY (:names) AND NOT relrowsecurity"),
            {"names": TENANT_TABLES},
        )
        assert list(unprotected) == []


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_another_workspace_sees_no_row(library, table):
    library.add("secret", ["the secret word"])
    library.run(
        "INSERT INTO queries (workspace_id, question, recall, top_n, top_k, reranker_asked, reranker, plan, rows_asked,"
        " rows_returned, answer, abstained, answer_model)"
        " VALUES (1, 'q', 'hybrid', 1, 1, 'none', 'none', 'exact', 1, 1, 'a', false, 'm')"
    )
    library.run(
        "INSERT INTO query_candidates (query_id, chunk_id, workspace_id, document_id, title, recall_rank, recall_score,"
        " rank, score) VALUES (1, 1, 1, 1, 't', 1, 1, 1, 1)"
    )
    library.run("INSERT INTO quarantine (workspace_id, sha256, job_id, error) VALUES (1, 'x', 1, 'e')")
    library.store(library.claim(library.submit_bytes("waiting", b"w")), ["waits for a vector"])
    with library.database.tenant(library.workspace) as session:
        assert session.scalar(text(f"SELECT count(*) FROM {table}")) > 0
    with library.database.tenant(library.other) as session:
        assert session.scalar(text(f"SELECT count(*) FROM {table}")) == 0
        session.execute(text("SELECT set_config('refdesk.workspace', '', true)"))
        assert session.scalar(text(f"SELECT count(*) FROM {table}")) == 0
        session.execute(text("SELECT set_config('refdesk.workspace', :w, true)"), {"w": str(library.other)})
        assert session.scalar(text("SELECT count(*) FROM inspect.documents")) == 0
        assert session.scalar(text("SELECT count(*) FROM inspect.jobs")) == 0


def test_without_a_workspace_nothing_is_seen(library):
    library.add("secret", ["the secret word"])
    with library.database.tenant(library.workspace) as session:
        session.execute(text("SELECT set_config('refdesk.workspace', '', true)"))
        assert session.scalar(text("SELECT count(*) FROM chunks")) == 0


def test_tenant__does_not_learn_who_the_others_are(library):
    with library.database.tenant(library.workspace) as session:
        assert list(session.scalars(text("SELECT key FROM workspaces"))) == ["local"]


def test_trigger__runs_nothing_of_the_callers(library):
    job = library.submit()
    with library.database.tenant(library.workspace) as session:
        session.execute(text("CREATE TEMP TABLE job_events (LIKE public.job_events)"))
        session.execute(text("UPDATE jobs SET cancel_requested = true WHERE id = :id"), {"id": job})
        assert session.scalar(text("SELECT count(*) FROM pg_temp.job_events")) == 0


def test_writing_into_another_workspace_is_refused(library):
    statement = text("INSERT INTO documents (workspace_id, source, title) VALUES (:w, 's', 't')")
    refused = pytest.raises(ProgrammingError, match="row-level security")
    with refused, library.database.tenant(library.other) as session:
        session.execute(statement, {"w": library.workspace})


def test_recall__stays_inside_the_workspace_and_the_channels(library, vector_of):
    library.add("open", ["the open word"])
    library.add("scoped", ["the scoped word"], channels=["7"])
    library.add("foreign", ["the foreign word"], workspace=library.other)
    query = RecallQuery("word", vector_of("word"), query_terms("word"), "hybrid", 50)

    def found(workspace, channels=()):
        recall = PostgresRecall(library.database, workspace, library.profile, channels)
        return {candidate.source for candidate in recall.recall(query).candidates}

    assert found(library.workspace) == {"open"}
    assert found(library.workspace, ["7"]) == {"open", "scoped"}
    assert found(library.workspace, ["8"]) == {"open"}
    assert found(library.other, ["7"]) == {"foreign"}


def test_inspection_role__reads_all_and_writes_nothing(library):
    library.add("a", ["one"])
    with library.database.inspect() as session:
        assert session.scalar(text("SELECT count(*) FROM inspect.documents")) == 1
    for statement in ("DELETE FROM jobs", "UPDATE documents SET title = 'x'", "SELECT content FROM blobs"):
        with pytest.raises(Exception, match=r"read-only|permission denied"), library.database.inspect() as session:
            session.execute(text(statement))


def test_roles__none_bypasses_row_level_security(library):
    with library.database.owner() as session:
        rows = session.execute(
            text("SELECT rolname, rolsuper, rolbypassrls, rolcanlogin FROM pg_roles WHERE rolname LIKE 'refdesk\\_%'")
        ).all()
    mine = {row.rolname: row[1:] for row in rows if row.rolname in {"refdesk_app", "refdesk_worker", "refdesk_read"}}
    assert mine == dict.fromkeys(("refdesk_app", "refdesk_worker", "refdesk_read"), (False, False, False))
