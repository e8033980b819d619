"""Erase a workspace and a person: no column of any table contains a text, an ID or bytes of them afterwards."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from db import deliveries, documents, feedback, gaps, helper_requests, jobs, person_erasure, workspace_erasure
from db import workspace_settings as settings
from db.keyword_segments import index_changes, rewrite
from pipeline.errors import LeaseLost
from tests.erasure_samples import answer_from, ask, find_damage, find_text, store_answer
from tests.integration.test_tenants import TENANT_TABLES

MARKER = "zebrafinch"
PERSON = "1180000000000000777"
PERSONAL_COLUMNS = ("requester", "user_id", "added_by", "updated_by")
OTHER = "42"


def deliver(library, user, key):
    with library.database.tenant(library.workspace) as session:
        new = deliveries.NewDelivery(library.workspace, "answer", f"{MARKER}-{key}", "900", "7", user)
        return deliveries.add(session, new)


def add(library, source, texts, requester):
    content = "\n".join(texts).encode()
    job = library.submit_bytes(source, content)
    library.run(f"UPDATE jobs SET requester = '{requester}' WHERE id = {job}")
    library.store(library.claim(job), texts)
    library.embed()
    return job


@pytest.fixture
def filled(library):
    """A workspace with rows of two persons in every table."""
    add(library, f"{MARKER}.md", [f"The {MARKER} sings."], PERSON)
    add(library, "hall.md", ["The hall costs 5 euros."], OTHER)
    asked = ask(
        library,
        answer_from(library, f"What does the {MARKER} do?", first=1, quote=f"The {MARKER} sings.", searched_as=MARKER),
        requester=PERSON,
        delivery_id=deliver(library, PERSON, 1),
    )
    turn = {"question": f"What does the {MARKER} do?", "answer": library.job(asked).result["answer"]}
    ask(
        library,
        answer_from(library, "What does it cost?", first=2, quote="5 euros.", searched_as=f"Cost of a {MARKER}?"),
        requester=OTHER,
        delivery_id=deliver(library, OTHER, 2),
        conversation=[turn],
    )
    with library.database.tenant(library.workspace) as session:
        for user in (PERSON, OTHER):
            for job in (asked, asked + 1):
                feedback.store_vote(session, library.workspace, job, user, -1)
        helper_requests.add(session, library.workspace, asked, PERSON)
        gaps.resolve(session, library.workspace, [2], PERSON)
        settings.update(session, library.workspace, PERSON, top_k=5)
    rewrite(library.database, library.workspace)
    add(library, "tail.md", ["One more."], OTHER)
    waiting = library.submit_bytes(f"{MARKER}-2.md", f"{MARKER} 2".encode())
    library.run(f"UPDATE jobs SET requester = '{PERSON}', progress_text = '{MARKER}' WHERE id = {waiting}")
    library.store(library.claim(waiting), [f"{MARKER} 2"])
    library.run(f"INSERT INTO quarantine (workspace_id, sha256, job_id, error) VALUES (1, 'x', {waiting}, '{MARKER}')")
    library.run(
        "INSERT INTO spending_reservations (workspace_id, job_id, requester, lease_token, usd)"
        f" VALUES (1, {waiting}, '{PERSON}', gen_random_uuid(), 1)"
    )
    library.run(
        "INSERT INTO embedding_usage (workspace_id, profile_id, job_id, requester, tokens, cost_usd)"
        f" VALUES (1, 1, {waiting}, '{PERSON}', 1, 1)"
    )
    library.run(
        "INSERT INTO digests (workspace_id, application_id, channel_id, user_id, locale, error)"
        f" VALUES (1, '900', '7', '{PERSON}', 'en-US', '{MARKER}')"
    )
    library.run(f"UPDATE workspaces SET name = '{MARKER}' WHERE id = 1")
    return library


def test_workspace__no_row_of_any_table_remains(filled):
    for table in TENANT_TABLES:
        assert filled.count(table, "workspace_id = 1"), f"the test has no row of {table}"
    with filled.database.system() as session:
        counts = workspace_erasure.count_rows(session, filled.workspace)
    filled.submit({"source": "elsewhere"}, workspace=filled.other)
    assert set(counts) == set(TENANT_TABLES)
    deleted = workspace_erasure.erase_workspace(filled.database, filled.workspace)
    assert set(deleted) >= set(TENANT_TABLES) - {"workspace_settings"}
    for table in TENANT_TABLES:
        assert filled.count(table, "workspace_id = 1") == 0, table
    assert filled.count("workspaces", "id = 1") == 0
    for marker in (MARKER, PERSON, "hall"):
        assert find_text(filled.database, marker) == {}
    assert filled.count("jobs", "workspace_id = 2") == 1


def test_workspace__an_erasure_that_was_interrupted_is_continued(filled, monkeypatch):
    monkeypatch.setattr(workspace_erasure, "BATCH", 1)
    steps = iter(range(5))
    with filled.database.system() as session:
        session.execute(text("UPDATE workspaces SET key = 'erased:1' WHERE id = 1"))
    workspace_erasure.delete_rows(filled.database, filled.workspace, lambda: next(steps, None) is None)
    assert filled.count("workspaces", "key = 'erased:1'") == 1
    assert workspace_erasure.continue_erasures(filled.database)["jobs"]
    assert find_text(filled.database, MARKER) == {}
    assert workspace_erasure.continue_erasures(filled.database) == {}


def test_workspace__a_job_in_flight_writes_nothing_afterwards(library):
    job = library.submit_bytes(MARKER, b"1")
    lease = library.claim(job)
    workspace_erasure.erase_workspace(library.database, library.workspace)
    with pytest.raises(LeaseLost):
        library.store(lease, ["one"])
    assert find_text(library.database, MARKER) == {}


def test_person__every_column_with_persons_is_filled(filled):
    with filled.database.owner() as session:
        columns = session.execute(
            text(
                "SELECT table_name || '.' || column_name FROM information_schema.columns JOIN information_schema.tables"
                " USING (table_schema, table_name) WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
                " AND column_name = ANY (:names)"
            ),
            {"names": list(PERSONAL_COLUMNS)},
        ).scalars()
        assert set(columns) <= find_text(filled.database, PERSON).keys()


def test_person__no_id_and_no_text_remains(filled):
    filled.run("UPDATE quarantine SET error = ''")
    filled.run("UPDATE digests SET error = ''")
    with filled.database.system() as session:
        counts = person_erasure.count_rows(session, PERSON)
    assert counts["questions"] == 1
    assert counts["documents"] == 2, "one is still being added"
    before = find_damage(filled.database)
    person_erasure.erase_person(filled.database, PERSON)
    assert find_damage(filled.database).items() <= before.items()
    filled.run("UPDATE workspaces SET name = ''")
    filled.run("UPDATE deliveries SET request_key = 'k'")
    assert find_text(filled.database, PERSON) == {}
    assert find_text(filled.database, MARKER) == {}
    with filled.database.system() as session:
        assert person_erasure.count_rows(session, PERSON) == {}
    assert filled.count("documents", f"added_by = '{OTHER}'") == 2
    assert filled.count("jobs", "kind = 'ask'") == 2, "they count towards the quotas"
    assert filled.count("queries", "question = 'What does it cost?'") == 1
    assert filled.count("feedback", f"user_id = '{OTHER}'") == 1, "the vote on the question of the other person"
    with filled.database.tenant(filled.workspace) as session:
        assert [gap.question for gap in gaps.list_questions(session, filled.workspace)] == []


def test_person__kept_documents_have_no_person(filled):
    person_erasure.erase_person(filled.database, PERSON, keep_documents=True)
    assert find_text(filled.database, PERSON) == {}
    with filled.database.tenant(filled.workspace) as session:
        kept = {document.title: document.added_by for document in documents.list_documents(session)}
    assert kept == {"Zebrafinch.Md": "", "Hall.Md": OTHER, "Tail.Md": OTHER}
    filled.embed()
    assert filled.count("documents", "live_version_id IS NULL") == 0, "the one in progress is gone"


def test_person__a_question_in_flight_writes_nothing_afterwards(library):
    library.add("a", ["The hall costs 5 euros."])
    with library.database.tenant(library.workspace) as session:
        payload = {"question": MARKER}
        job = jobs.submit(session, jobs.NewJob(library.workspace, "ask", payload, requester=PERSON))
    lease = library.claim(job)
    person_erasure.erase_person(library.database, PERSON)
    with pytest.raises(LeaseLost):
        store_answer(library, lease, answer_from(library, MARKER, first=1, quote=MARKER))
    with pytest.raises(LeaseLost), library.database.system() as session:
        jobs.report_progress(session, lease, "generate", text=MARKER)
    assert find_text(library.database, MARKER) == {}
    assert find_text(library.database, PERSON) == {}


def test_person__erases_the_personal_workspace(library):
    library.run(f"UPDATE workspaces SET key = 'user:{PERSON}' WHERE id = 1")
    add(library, "a", [MARKER], PERSON)
    person_erasure.erase_person(library.database, PERSON)
    assert find_text(library.database, PERSON) == {}
    assert find_text(library.database, MARKER) == {}


def test_rewrite__removes_postings_of_deleted_chunks(library):
    library.add("a", ["one two three"])
    library.add("b", ["one two"])
    index_changes(library.database)
    rewrite(library.database, library.workspace)
    assert library.count("keyword_blocks b, decode_block(b.directory, b.postings, b.size, b.min_length)") == 5
    with library.database.tenant(library.workspace) as session:
        documents.delete_document(session, 1)
    rewrite(library.database, library.workspace)
    assert library.count("keyword_changes") == 0
    assert library.count("keyword_segments") == 1
    assert library.count("keyword_blocks b, decode_block(b.directory, b.postings, b.size, b.min_length)") == 2
