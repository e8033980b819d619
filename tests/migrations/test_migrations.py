"""Migrations: up, down on data and up again; agreement with the models; comments; rejection of old servers."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import NullPool, create_engine, text

from db import (
    deliveries,
    digest_models,
    feedback,
    jobs,
    keyword_models,
    profiles,
    spending_models,
    workspace_settings,
    workspaces,
)
from db.engine import Database, driver_url
from db.schema import inspect_schema, migrate, require_schema
from db.sql import named, statements
from db.trace_models import QueryTrace
from pipeline.errors import SchemaMismatch
from pipeline.types import EmbeddingProfile


def engine(url):
    return create_engine(driver_url(url), poolclass=NullPool)


def test_up_down_up__on_data(database_url):
    database = Database(database_url)
    with database.system() as session:
        workspace = workspaces.ensure_workspace(session, "local")
        profiles.add_first(session, EmbeddingProfile(0, "p", "m", 3, 9))
    with database.tenant(workspace) as session:
        jobs.submit(session, jobs.NewJob(workspace, "ingest", {}))
    database.close()
    migrate(database_url, "base")
    assert inspect_schema(database_url).current is None
    migrate(database_url)
    migrate(database_url)
    assert inspect_schema(database_url).up_to_date


OBJECTS = """
    SELECT 'column ' || table_schema || '.' || table_name || '.' || column_name || ' ' || data_type
           || ' ' || is_nullable || coalesce(' ' || column_default, '')
    FROM information_schema.columns WHERE table_schema IN ('public', 'inspect')
    UNION ALL SELECT 'view ' || pg_get_viewdef(c.oid) || coalesce(array_to_string(c.reloptions, ','), '')
    FROM pg_class c WHERE c.relkind = 'v' AND c.relnamespace = 'inspect'::regnamespace
    UNION ALL SELECT 'function ' || pg_get_functiondef(p.oid) FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
    WHERE p.pronamespace = 'public'::regnamespace AND l.lanname = 'plpgsql'
    UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT 'constraint ' || conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'trigger ' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 'policy ' || tablename || ' ' || policyname || ' ' || roles::text FROM pg_policies
    UNION ALL SELECT 'grant ' || c.oid::regclass || ' ' || coalesce(c.relacl::text, '') FROM pg_class c
    WHERE c.relkind IN ('r', 'v') AND c.relnamespace IN ('public'::regnamespace, 'inspect'::regnamespace)
    UNION ALL SELECT 'grant ' || a.attrelid::regclass || '.' || a.attname || ' ' || a.attacl::text FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid WHERE a.attacl IS NOT NULL AND c.relnamespace = 'public'::regnamespace
    UNION ALL SELECT 'comment ' || d.objoid::regclass || ' ' || coalesce(a.attname, '') || ' ' || d.description
    FROM pg_description d JOIN pg_class c ON c.oid = d.objoid AND d.classoid = 'pg_class'::regclass
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid > 0
    WHERE c.relnamespace IN ('public'::regnamespace, 'inspect'::regnamespace)
"""


def objects(url):
    with engine(url).connect() as connection:
        return set(connection.scalars(text(OBJECTS)))


def test_discord__down_on_data_restores_the_first_schema_and_keeps_the_ledger(database_url):
    database = Database(database_url)
    new = objects(database_url)
    with database.system() as session:
        workspace = workspaces.ensure_workspace(session, "guild:1")
    with database.tenant(workspace) as session:
        added = deliveries.add(session, deliveries.NewDelivery(workspace, "answer", "k", "900", "7", "42"))
        job = jobs.submit(session, jobs.NewJob(workspace, "ask", {"question": "q"}, delivery_id=added))
        workspace_settings.update(session, workspace, "42", top_k=5)
        session.execute(text("UPDATE jobs SET state = 'succeeded'"))
        feedback.store_vote(session, workspace, job, "42", 1)
        session.execute(
            text("INSERT INTO documents (workspace_id, source, title, origin) VALUES (:w, 's', 't', 'https://a/b')"),
            {"w": workspace},
        )
    database.close()
    migrate(database_url, "20261122_01")
    down = objects(database_url)
    with engine(database_url).connect() as connection:
        assert connection.execute(text("SELECT state, payload FROM jobs")).all() == [("succeeded", {"question": "q"})]
        assert connection.execute(text("SELECT title FROM inspect.documents")).all() == [("t",)]
        assert connection.scalar(text("SELECT count(*) FROM job_events")) == 2
    migrate(database_url)
    assert objects(database_url) == new
    migrate(database_url, "base")
    migrate(database_url, "+1")
    assert objects(database_url) == down


def test_leg_weights__down_restores_the_schema_before(database_url):
    new = objects(database_url)
    migrate(database_url, "20261122_02")
    before = objects(database_url)
    migrate(database_url)
    assert objects(database_url) == new
    migrate(database_url, "base")
    migrate(database_url, "+1")
    migrate(database_url, "+1")
    assert objects(database_url) == before


def test_live_sizes__are_backfilled_for_existing_documents(database_url):
    migrate(database_url, "20261122_03")
    database = Database(database_url)
    with database.system() as session:
        workspace = workspaces.ensure_workspace(session, "local")
    with database.owner() as session:
        for source in ("live", "none"):
            session.execute(
                text("INSERT INTO documents (workspace_id, source, title) VALUES (:w, :s, '')"),
                {"w": workspace, "s": source},
            )
        session.execute(
            text(
                "INSERT INTO document_versions (workspace_id, document_id, sha256, title, chunks, terms)"
                " SELECT workspace_id, id, '', '', 3, 40 FROM documents WHERE source = 'live'"
            )
        )
        session.execute(
            text("UPDATE documents d SET live_version_id = v.id FROM document_versions v WHERE v.document_id = d.id")
        )
    database.close()
    migrate(database_url)
    with engine(database_url).connect() as connection:
        sizes = connection.execute(text("SELECT source, live_chunks, live_terms FROM documents ORDER BY source"))
        assert sizes.all() == [("live", 3, 40), ("none", None, None)]
        connection.execute(text("DELETE FROM document_versions"))
        assert connection.scalars(text("SELECT live_chunks FROM documents")).all() == [None, None]


def test_spending__down_restores_the_schema_before(database_url):
    new = objects(database_url)
    migrate(database_url, "20261122_04")
    before = objects(database_url)
    migrate(database_url)
    assert objects(database_url) == new
    database = Database(database_url)
    with database.system() as session:
        workspace = workspaces.ensure_workspace(session, "local")
    with database.tenant(workspace) as session:
        job = jobs.submit(session, jobs.NewJob(workspace, "ask", {"question": "q"}))
        session.execute(
            text(
                "INSERT INTO spending_reservations (workspace_id, job_id, lease_token, usd)"
                " VALUES (:w, :j, gen_random_uuid(), 1)"
            ),
            {"w": workspace, "j": job},
        )
    database.close()
    migrate(database_url, "20261122_04")
    assert objects(database_url) == before
    migrate(database_url, "base")


def test_plain_texts__down_restores_the_reasons_and_comments_before(database_url):
    new = objects(database_url)
    database = Database(database_url)
    with database.system() as session:
        workspace = workspaces.ensure_workspace(session, "local")
    with database.tenant(workspace) as session:
        jobs.submit(session, jobs.NewJob(workspace, "ask", {"question": "q"}))
    database.close()
    reason = text("SELECT why FROM inspect.jobs")
    migrate(database_url, "20261126_03")
    before = objects(database_url)
    with engine(database_url).connect() as connection:
        assert connection.scalar(reason).startswith('no worker for the queue "query"')
    migrate(database_url)
    assert objects(database_url) == new
    with engine(database_url).connect() as connection:
        assert connection.scalar(reason).startswith("Waiting for a worker (no query worker is running)")
    migrate(database_url, "base")
    for _ in range(6):
        migrate(database_url, "+1")
    assert objects(database_url) == before


OLD_DOCUMENTS = """
    INSERT INTO embedding_profiles (name, model, dimensions, max_tokens, query_prefix, passage_prefix, normalize, state)
    VALUES ('p', 'm', 3, 9, '', '', true, 'live');
    INSERT INTO documents (workspace_id, source, title, channels)
    VALUES (1, 'all', '', NULL), (1, 'two', '', '{8,7}'), (1, 'same', '', '{7,8,8}'), (1, 'new', '', NULL);
    INSERT INTO document_versions (workspace_id, document_id, sha256, title, chunks, terms)
    SELECT 1, id, '', '', 2, 40 FROM documents;
    UPDATE documents d SET live_version_id = v.id FROM document_versions v
    WHERE v.document_id = d.id AND d.source <> 'new';
    INSERT INTO chunks (workspace_id, document_id, version_id, ordinal, text, tokens, input_hash)
    SELECT 1, document_id, id, n, 'text', 1, '' FROM document_versions, generate_series(0, 1) AS n ORDER BY id, n;
    INSERT INTO embeddings (profile_id, chunk_id, workspace_id, version_id, vector)
    SELECT 1, id, 1, version_id, '[1,2,3]' FROM chunks;
    INSERT INTO postings (workspace_id, term, chunk_id, version_id, frequency, length)
    SELECT 1, t.term, c.id, c.version_id, t.frequency, 40000
    FROM chunks c, (VALUES (0, 32767), (7, 1), (2147483647, 7232)) AS t(term, frequency) WHERE c.ordinal = 0
"""
POSTINGS = "SELECT term, chunk_id, version_id, frequency, length FROM postings ORDER BY 1, 2"
VISIBLE = """
    SELECT d.source, s.channels, s.id = v.scope_id AND s.id = e.scope_id AND s.id = k.scope_id,
           k.change, k.length, k.terms = t.terms
    FROM chunk_terms t JOIN document_versions v ON v.id = t.version_id JOIN documents d ON d.id = v.document_id
    JOIN embeddings e USING (chunk_id) LEFT JOIN keyword_changes k USING (chunk_id)
    LEFT JOIN scopes s ON s.id = d.scope_id
    ORDER BY t.chunk_id
"""


def test_keyword_index__postings_are_converted_and_restored(database_url):
    new = objects(database_url)
    migrate(database_url, "20261128_02")
    before = objects(database_url)
    database = Database(database_url)
    with database.system() as session:
        workspaces.ensure_workspace(session, "local")
    with database.owner() as session:
        session.execute(text(OLD_DOCUMENTS))
        postings = session.execute(text(POSTINGS)).all()
        assert len(postings) == 12
        session.execute(
            text(
                "CREATE INDEX embeddings_hnsw_p1_w1 ON embeddings USING hnsw ((vector::halfvec(3)) halfvec_cosine_ops)"
                " WHERE profile_id = 1 AND workspace_id = 1"
            )
        )
    database.close()
    migrate(database_url)
    assert objects(database_url) == new
    with engine(database_url).connect() as connection:
        visible = connection.execute(text(VISIBLE)).all()
        decoded = connection.execute(text("SELECT term, chunk, frequency, length FROM inspect.postings ORDER BY 1, 2"))
        assert decoded.all() == [(row.term, row.chunk_id, row.frequency, row.length) for row in postings]
    assert visible == [
        ("all", None, True, 1, 40000, True),
        ("all", None, True, 1, 0, True),
        ("two", ["7", "8"], True, 1, 40000, True),
        ("two", ["7", "8"], True, 1, 0, True),
        ("same", ["7", "8"], True, 1, 40000, True),
        ("same", ["7", "8"], True, 1, 0, True),
        ("new", None, None, None, None, None),
        ("new", None, None, None, None, None),
    ]
    migrate(database_url, "20261128_02")
    assert objects(database_url) == before
    with engine(database_url).connect() as connection:
        assert connection.execute(text(POSTINGS)).all() == postings
        assert connection.scalar(text("SELECT count(live_chunks) FROM documents")) == 3


def test_narrow_postings__down_moves_all_visible_chunks_to_the_tail(database_url):
    new = objects(database_url)
    migrate(database_url, "20261128_05")
    before = objects(database_url)
    migrate(database_url)
    assert objects(database_url) == new
    database = Database(database_url)
    with database.system() as session:
        workspaces.ensure_workspace(session, "local")
    with database.owner() as session:
        session.execute(
            text(
                "INSERT INTO documents (workspace_id, source, title) VALUES (1, 's', '');"
                "INSERT INTO document_versions (workspace_id, document_id, sha256, title) VALUES (1, 1, '', '');"
                "INSERT INTO chunk_terms VALUES (1, 1, 1, 3, ''), (2, 1, 1, 4, '');"
                "UPDATE documents SET live_version_id = 1;"
                "INSERT INTO keyword_segments (workspace_id, state) VALUES (1, 'live');"
                "INSERT INTO keyword_blocks VALUES (1, 7, 0, 7, 1, 1, 1, 3, '', '');"
                "DELETE FROM keyword_changes WHERE chunk_id = 1"
            )
        )
        decoded = session.execute(
            text(
                "SELECT t.* FROM (VALUES ('\\x00000001fe02'::bytea, 6), ('\\x0000000100020203'::bytea, 8)) v(p, n)"
                " CROSS JOIN LATERAL decode_block('\\x00000007000000030001ffff', p, 1, 4) t"
            )
        )
        assert decoded.all() == [(7, 3, 1, -2, 6), (7, 3, 1, 2, 515)]
    database.close()
    migrate(database_url, "20261128_05")
    assert objects(database_url) == before
    with engine(database_url).connect() as connection:
        tail = connection.execute(text("SELECT chunk_id, scope_id, change, length FROM keyword_changes ORDER BY 1"))
        assert tail.all() == [(1, 1, 1, 3), (2, 1, 1, 4)]
        assert connection.scalar(text("SELECT count(*) FROM keyword_blocks")) == 0


LEAVING = {("jobs", "deliver")}
"""Unused columns that remain for one release, because the previous version still runs during an upgrade."""


def test_models__agree_with_the_migrations(database_url):
    def relevant(change):
        head = change[0] if isinstance(change, tuple) else change[0][0]
        # Unused columns exist in the schema only.
        if head == "remove_column" and (change[2], change[3].name) in LEAVING:
            return False
        # Indexes are defined in the migrations only; a separate test checks comments.
        return head != "remove_index" and "comment" not in head and head != "modify_default"

    with engine(database_url).connect() as connection:
        assert spending_models.SpendingReservation.metadata is QueryTrace.metadata
        assert keyword_models.ChunkTerms.metadata is QueryTrace.metadata
        assert digest_models.DigestRow.metadata is QueryTrace.metadata
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert [change for change in compare_metadata(context, QueryTrace.metadata) if relevant(change)] == []


def test_comments__every_table_and_column_has_one(database_url):
    with engine(database_url).connect() as connection:
        missing = connection.scalars(
            text(
                "SELECT c.relname || '.' || a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
                " JOIN pg_namespace n ON n.oid = c.relnamespace"
                " WHERE n.nspname = 'public' AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped"
                " AND c.relname <> 'alembic_version' AND col_description(c.oid, a.attnum) IS NULL"
                " UNION ALL SELECT n.nspname || '.' || c.relname FROM pg_class c"
                " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN ('public', 'inspect')"
                " AND c.relkind IN ('r', 'v') AND c.relname <> 'alembic_version'"
                " AND obj_description(c.oid) IS NULL"
            )
        )
        assert list(missing) == []


def test_foreign_keys__have_an_index_for_fast_cascades(database_url):
    with engine(database_url).connect() as connection:
        slow = connection.scalars(
            text(
                "SELECT f.conrelid::regclass || '.' || a.attname FROM pg_constraint f"
                " JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = f.conkey[cardinality(f.conkey)]"
                " WHERE f.contype = 'f' AND f.confdeltype = 'c' AND NOT EXISTS ("
                " SELECT FROM pg_index i WHERE i.indrelid = f.conrelid AND i.indkey[0] = a.attnum"
                " AND i.indpred IS NULL)"
            )
        )
        assert list(slow) == []


def test_schema__other_revision_is_rejected(database_url):
    with engine(database_url).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '29991231_01'"))
    with pytest.raises(SchemaMismatch, match="Install the newer version"):
        require_schema(database_url)
    with engine(database_url).begin() as connection:
        connection.execute(text("DELETE FROM alembic_version"))
    with pytest.raises(SchemaMismatch, match="Run `refdesk migrate`"):
        require_schema(database_url)


def test_named_sql__every_statement_has_a_comment():
    for name, body in statements().items():
        assert body.startswith("-- "), f"{name} has no comment"
        named(name, dimensions=3)
