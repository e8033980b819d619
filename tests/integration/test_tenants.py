"""Isolation of tenants in the database, for every tenant table and every role."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from db import deliveries, jobs
from db.recall import PostgresRecall
from pipeline.recall import extract_query_words
from pipeline.types import Neighbour, RecallQuery

TENANT_TABLES = [
    *("jobs", "job_events", "quarantine", "blobs", "documents", "document_versions", "chunks", "chunk_terms"),
    *("scopes", "keyword_changes", "keyword_segments", "keyword_blocks"),
    *("embeddings", "embedding_queue", "queries", "query_candidates"),
    *("deliveries", "feedback", "workspace_settings", "helper_requests", "spending_reservations", "embedding_usage"),
    "gap_resolutions",
    "digests",
]
NEW_DELIVERY = """
    INSERT INTO deliveries (workspace_id, request_key, kind, application_id, channel_id, user_id)
    VALUES (:w, 'k', 'answer', '9', '7', '42')
"""
NEW_RESERVATION = """
    INSERT INTO spending_reservations (workspace_id, job_id, lease_token, usd) VALUES (:w, 1, gen_random_uuid(), 1)
"""


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
    library.run(
        "INSERT INTO deliveries (workspace_id, request_key, kind, application_id, channel_id, user_id, token,"
        " token_expires) VALUES (1, 'k', 'answer', '9', '7', '42', 'secret', now() + interval '1 hour')"
    )
    library.run("INSERT INTO keyword_segments (workspace_id, state) VALUES (1, 'live')")
    library.run("INSERT INTO keyword_blocks VALUES (1, 7, 0, 7, 1, 0, 0, 0, '', '')")
    library.run("INSERT INTO feedback (workspace_id, job_id, user_id, vote) VALUES (1, 1, '42', 1)")
    library.run("INSERT INTO gap_resolutions (query_id, workspace_id, user_id) VALUES (1, 1, '42')")
    library.run(
        "INSERT INTO digests (workspace_id, application_id, channel_id, user_id, locale)"
        " VALUES (1, '9', '7', '42', 'en-US')"
    )
    library.run("INSERT INTO workspace_settings (workspace_id, top_k) VALUES (1, 5)")
    library.run("INSERT INTO helper_requests (workspace_id, job_id, user_id) VALUES (1, 1, '42')")
    library.run(
        "INSERT INTO spending_reservations (workspace_id, job_id, lease_token, usd) VALUES (1, 1, gen_random_uuid(), 1)"
    )
    library.run(
        "INSERT INTO embedding_usage (workspace_id, profile_id, requester, tokens, cost_usd) VALUES (1, 1, '', 1, 1)"
    )
    library.store(library.claim(library.submit_bytes("waiting", b"w")), ["waits for a vector"])
    with library.database.tenant(library.workspace) as session:
        assert session.scalar(text(f"SELECT count(*) FROM {table}")) > 0
    with library.database.tenant(library.other) as session:
        assert session.scalar(text(f"SELECT count(*) FROM {table}")) == 0
        session.execute(text("SELECT set_config('refdesk.workspace', '', true)"))
        assert session.scalar(text(f"SELECT count(*) FROM {table}")) == 0
        session.execute(text("SELECT set_config('refdesk.workspace', :w, true)"), {"w": str(library.other)})
        for view in ("documents", "jobs", "deliveries", "feedback", "gaps", "spending"):
            assert session.scalar(text(f"SELECT count(*) FROM inspect.{view}")) == 0


def test_without_a_workspace_nothing_is_seen(library):
    library.add("secret", ["the secret word"])
    with library.database.tenant(library.workspace) as session:
        session.execute(text("SELECT set_config('refdesk.workspace', '', true)"))
        assert session.scalar(text("SELECT count(*) FROM chunks")) == 0


def test_tenant__does_not_see_other_tenants(library):
    with library.database.tenant(library.workspace) as session:
        assert list(session.scalars(text("SELECT key FROM workspaces"))) == ["local"]


def test_trigger__ignores_the_search_path_of_the_caller(library):
    job = library.submit()
    with library.database.tenant(library.workspace) as session:
        session.execute(text("CREATE TEMP TABLE job_events (LIKE public.job_events)"))
        session.execute(text("UPDATE jobs SET cancel_requested = true WHERE id = :id"), {"id": job})
        assert session.scalar(text("SELECT count(*) FROM pg_temp.job_events")) == 0


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO documents (workspace_id, source, title) VALUES (:w, 's', 't')",
        NEW_DELIVERY,
        "INSERT INTO feedback (workspace_id, job_id, user_id, vote) VALUES (:w, 1, '42', 1)",
        "INSERT INTO workspace_settings (workspace_id) VALUES (:w)",
        "INSERT INTO helper_requests (workspace_id, job_id, user_id) VALUES (:w, 1, '42')",
        NEW_RESERVATION,
    ],
)
def test_writing_into_another_workspace_is_rejected(library, statement):
    library.submit()
    refused = pytest.raises(ProgrammingError, match="row-level security")
    with refused, library.database.tenant(library.other) as session:
        session.execute(text(statement), {"w": library.workspace})


def test_recall__stays_inside_the_workspace_and_the_channels(library, vector_of):
    library.add("open", ["the open word"])
    library.add("scoped", ["the scoped word"], channels=["7"])
    library.add("foreign", ["the foreign word"], workspace=library.other)
    query = RecallQuery("word", vector_of("word"), extract_query_words("word"), "hybrid", 50)

    def found(workspace, channels=()):
        recall = PostgresRecall(library.database, workspace, library.profile, channels)
        return {candidate.source for candidate in recall.recall(query).candidates}

    assert found(library.workspace) == {"open"}
    assert found(library.workspace, ["7"]) == {"open", "scoped"}
    assert found(library.workspace, ["8"]) == {"open"}
    assert found(library.other, ["7"]) == {"foreign"}


def test_neighbours__stay_inside_the_workspace_the_channels_and_the_live_version(library):
    library.add("open", ["open 0", "open 1", "open 2", "open 3"])
    library.add("scoped", ["scoped 0", "scoped 1"], channels=["7"])
    library.add("foreign", ["foreign 0", "foreign 1"], workspace=library.other)
    library.store(library.claim(library.submit_bytes("unready", b"u")), ["unready 0", "unready 1"])
    with library.database.owner() as session:
        chunks = {row.text: row.id for row in session.execute(text("SELECT id, text FROM chunks"))}

    def neighbours_of(workspace, channels=()):
        recall = PostgresRecall(library.database, workspace, library.profile, channels)
        found = recall.neighbours(sorted(chunks.values()))
        names = {number: name for name, number in chunks.items()}
        return {names[chunk]: [(n.place, n.text) for n in near] for chunk, near in found.items()}

    everybodys = {
        "open 0": [(1, "open 1")],
        "open 1": [(-1, "open 0"), (1, "open 2")],
        "open 2": [(-1, "open 1"), (1, "open 3")],
        "open 3": [(-1, "open 2")],
    }
    assert neighbours_of(library.workspace) == everybodys
    assert neighbours_of(library.workspace, ["8"]) == everybodys
    assert neighbours_of(library.workspace, ["7"]) == everybodys | {
        "scoped 0": [(1, "scoped 1")],
        "scoped 1": [(-1, "scoped 0")],
    }
    assert neighbours_of(library.other, ["7"]) == {"foreign 0": [(1, "foreign 1")], "foreign 1": [(-1, "foreign 0")]}


def test_neighbours__contain_text_headings_and_page(library):
    library.add("a", ["first", "second"])
    library.run("UPDATE chunks SET headings = ARRAY['Fees', 'Cards'], page = 7 WHERE text = 'second'")
    with library.database.owner() as session:
        chunks = {row.text: row.id for row in session.execute(text("SELECT id, text FROM chunks"))}
    recall = PostgresRecall(library.database, library.workspace, library.profile)
    assert recall.neighbours([chunks["first"]]) == {
        chunks["first"]: [Neighbour(chunks["second"], 1, "second", ("Fees", "Cards"), 7)]
    }
    assert recall.neighbours([]) == {}


def test_inspection_role__reads_all_and_writes_nothing(library):
    library.add("a", ["one"])
    with library.database.inspect() as session:
        assert session.scalar(text("SELECT count(*) FROM inspect.documents")) == 1
    for statement in (
        "DELETE FROM public.jobs",
        "UPDATE public.documents SET title = 'x'",
        "SELECT content FROM public.blobs",
        "SELECT token FROM public.deliveries",
        "DELETE FROM public.feedback",
    ):
        with pytest.raises(Exception, match=r"read-only|permission denied"), library.database.inspect() as session:
            session.execute(text(statement))


def test_every_foreign_key_between_tenant_tables_includes_the_workspace(library):
    with library.database.owner() as session:
        keys = session.execute(
            text(
                "SELECT conrelid::regclass::text AS child, confrelid::regclass::text AS parent,"
                " ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = conrelid AND attnum = ANY (conkey))"
                " AS columns"
                " FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND convalidated"
            )
        ).all()
    inside = [key for key in keys if key.parent in TENANT_TABLES]
    assert len(inside) >= 24
    assert [key for key in inside if "workspace_id" not in key.columns] == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE chunks SET version_id = :theirs, ordinal = 9 WHERE workspace_id = :w",
        "UPDATE documents SET live_version_id = :theirs WHERE workspace_id = :w",
        "UPDATE embeddings SET workspace_id = :w WHERE version_id = :theirs",
        "UPDATE job_events SET workspace_id = :w WHERE workspace_id <> :w",
    ],
)
def test_row_cannot_refer_to_a_row_of_another_workspace(library, statement):
    library.add("mine", ["mine"])
    library.add("theirs", ["theirs"], workspace=library.other)
    query = text("SELECT id FROM document_versions WHERE workspace_id = :w")
    with library.database.owner() as session:
        theirs = session.scalar(query, {"w": library.other})
    values = {"w": library.workspace, "theirs": theirs}
    with pytest.raises(IntegrityError, match="in_workspace"), library.database.owner() as session:
        session.execute(text(statement), values)


def test_tenant__does_not_see_registered_commands(library):
    with pytest.raises(ProgrammingError, match="permission denied"), library.database.tenant(1) as session:
        session.execute(text("SELECT * FROM discord_commands"))


def test_tenant__changes_nothing_of_another_workspaces_delivery(library):
    with library.database.tenant(library.workspace) as session:
        added = deliveries.add(session, deliveries.NewDelivery(library.workspace, "answer", "k", "9", "7", "42"))
        job = jobs.submit(session, jobs.NewJob(library.workspace, "ask", {}, delivery_id=added))
    with library.database.tenant(library.other) as session:
        assert deliveries.find_by_job(session, job) is None
        assert deliveries.load_views(session, [added]) == {}
        assert deliveries.list_job_ids(session, added) == []
        deliveries.reopen(session, job)
        assert deliveries.claim_one(session, added, "bot", 15) is None
    with library.database.tenant(library.workspace) as session:
        untouched = deliveries.find_by_job(session, job)
    assert untouched is not None
    assert (untouched.generation, untouched.claim_owner) == (1, None)


def test_roles__do_not_bypass_row_level_security(library):
    with library.database.owner() as session:
        rows = session.execute(
            text("SELECT rolname, rolsuper, rolbypassrls, rolcanlogin FROM pg_roles WHERE rolname LIKE 'refdesk\\_%'")
        ).all()
    mine = {row.rolname: row[1:] for row in rows if row.rolname in {"refdesk_app", "refdesk_worker", "refdesk_read"}}
    assert mine == dict.fromkeys(("refdesk_app", "refdesk_worker", "refdesk_read"), (False, False, False))
