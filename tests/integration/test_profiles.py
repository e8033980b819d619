"""Embedding profiles on a real database: built in parallel, switched when complete, rolled back, dropped."""

from __future__ import annotations

import threading
import uuid
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import text

from db import embeddings, profiles
from db.recall import PostgresRecall
from db.vector_indexes import build_vector_indexes, drop_vector_indexes
from pipeline.errors import (
    InvalidInput,
    ProfileMismatch,
    ProfileNotReady,
    UnknownName,
)
from pipeline.types import RecallQuery
from tasks.embed import embed_backlog
from tests.integration.conftest import DIMENSIONS
from tests.integration.profile_steps import OTHER, add, live, states, store, switch, worker


def test_add__stores_every_property_of_the_vectors(library):
    added = add(library, building=False)
    assert replace(added, id=0) == OTHER
    assert states(library) == {"fake": "live", "other": "added"}
    assert library.count("embedding_queue") == 0


def test_add__a_name_means_one_thing(library):
    add(library, building=False)
    with pytest.raises(InvalidInput, match=r"exists \(added\)"), library.database.system() as session:
        profiles.add(session, OTHER)
    with library.database.system() as session:
        profiles.drop(session, profiles.find(session, "other")[0])
    with pytest.raises(InvalidInput, match="another description"), library.database.system() as session:
        profiles.add(session, replace(OTHER, query_prefix="query: "))
    add(library, building=False)
    assert states(library)["other"] == "added"


def test_add__rejects_more_dimensions_than_an_index_supports(library):
    with pytest.raises(InvalidInput, match=r"4,096 dimensions; an index supports at most 4,000"):
        add(library, replace(OTHER, dimensions=4096))


def test_index__is_built_and_used_at_4000_dimensions(library):
    wide = add(library, replace(OTHER, dimensions=4000))
    store(library, "a", ["one", "two"])
    library.embed()
    library.run(
        f"INSERT INTO embeddings SELECT {wide.id}, c.id, c.workspace_id, c.version_id, CAST(CAST("
        "(SELECT array_agg(random() - 0.5) FROM generate_series(1, 4000 + 0 * c.id)) AS real[]) AS halfvec(4000)),"
        " v.scope_id FROM chunks c JOIN document_versions v ON v.id = c.version_id"
    )
    names = build_vector_indexes(library.database, threshold=2)
    assert f"embeddings_hnsw_p{wide.id}_w{library.workspace}" in names
    found = PostgresRecall(library.database, library.workspace, wide, exact_below=0).recall(
        RecallQuery("one", [0.1] * 4000, (), mode="dense", top_n=2)
    )
    assert (found.returned, found.plan) == (2, "hnsw")


def test_build__queues_existing_and_new_chunks_for_both_profiles(library):
    library.add("old", ["one", "two"])
    other = add(library)
    assert library.count("embedding_queue", f"profile_id = {other.id}") == 2
    store(library, "new", ["three"])
    assert library.count("embedding_queue", f"profile_id = {other.id}") == 3
    assert library.count("embedding_queue", f"profile_id = {library.profile.id}") == 1
    embed_backlog(worker(library))
    assert library.count("embedding_queue") == 0
    assert library.count("embeddings", f"profile_id = {other.id} AND vector_dims(vector) = 5") == 3
    assert library.count("embeddings", f"profile_id = {library.profile.id} AND vector_dims(vector) = 8") == 3


def test_build__repeated_queues_nothing_twice_and_resets_attempts(library):
    library.add("old", ["one", "two"])
    other = add(library)
    library.run("UPDATE embedding_queue SET attempts = 9")
    with library.database.system() as session:
        assert profiles.list_statuses(session, max_attempts=3)[1].stuck == 2
        profiles.start_building(session, other.id)
        assert profiles.list_statuses(session, max_attempts=3)[1].stuck == 0
    embed_backlog(worker(library))
    with library.database.system() as session:
        assert profiles.start_building(session, other.id) == 0


def test_build__while_a_document_is_being_deleted(library):
    library.add("stays", ["one"])
    library.add("goes", ["two"])
    other = add(library, building=False)
    begun: list[int | Exception] = []

    def build() -> None:
        try:
            with library.database.system() as session:
                begun.append(profiles.start_building(session, other.id))
        except Exception as error:  # noqa: BLE001 - looked at below
            begun.append(error)

    with library.database.owner() as session:
        session.execute(text("DELETE FROM documents WHERE source = 'goes'"))
        thread = threading.Thread(target=build)
        thread.start()
        thread.join(0.5)
        assert begun == []
    thread.join(10)
    assert begun == [1]


def test_document__becomes_live_with_the_vectors_of_the_live_profile_only(library):
    add(library)
    job = store(library, "new", ["three"])
    library.embed()
    assert library.job(job).state == "succeeded"
    assert library.count("documents", "live_version_id IS NOT NULL") == 1


def test_document__ingested_again_keeps_its_vectors_of_every_profile(library):
    library.add("a", ["one", "two"])
    other = add(library)
    embed_backlog(worker(library))
    job = library.submit_bytes("a", b"changed")
    library.store(library.claim(job), ["one", "three"])
    assert library.count("embedding_queue") == 2
    assert library.count("embedding_queue", f"profile_id = {other.id}") == 1


def test_switch__needs_every_vector_and_leaves_one_live(library):
    library.add("old", ["one", "two"])
    other = add(library)
    with pytest.raises(ProfileNotReady, match="2 chunks"):
        switch(library, other)
    assert live(library) == "fake"
    embed_backlog(worker(library))
    switch(library, other)
    assert states(library) == {"fake": "retired", "other": "live"}
    with pytest.raises(InvalidInput, match="live already"):
        switch(library, other)
    assert states(library) == {"fake": "retired", "other": "live"}


def test_switch__rejects_a_profile_that_was_only_added(library):
    other = add(library, building=False)
    with pytest.raises(InvalidInput, match="was not built"):
        switch(library, other)


def test_switch__version_being_built_waits_for_its_new_vectors(library):
    job = store(library, "late", ["one"])
    other = add(library, building=False)
    library.run(f"UPDATE embedding_profiles SET state = 'building' WHERE id = {other.id}")  # without a queue
    switch(library, other)
    library.embed()
    assert library.job(job).state == "running"
    embed_backlog(worker(library))
    assert library.job(job).state == "succeeded"
    assert library.count("embeddings", f"profile_id = {other.id}") == 1


def test_switch__waits_for_a_version_that_is_becoming_live(library):
    library.add("old", ["one"])
    other = add(library)
    embed_backlog(worker(library))
    job = library.submit_bytes("new", b"new")
    lease = library.claim(job)
    held, done = threading.Event(), threading.Event()
    failures: list[Exception] = []

    def ask_to_switch() -> None:
        held.wait(10)
        try:
            switch(library, other)
        except Exception as error:  # noqa: BLE001 - looked at below
            failures.append(error)
        done.set()

    thread = threading.Thread(target=ask_to_switch)
    thread.start()
    with library.database.tenant(library.workspace) as session:
        profiles.lock_shared(session)
        held.set()
        assert not done.wait(0.5)
        assert lease is not None
    thread.join(10)
    assert (done.is_set(), failures) == (True, [])


def test_rollback__returns_to_the_previous_profile_which_was_kept_complete(library):
    library.add("old", ["one"])
    other = add(library)
    embed_backlog(worker(library))
    switch(library, other)
    store(library, "new", ["two"])
    embed_backlog(worker(library))
    assert library.count("embeddings", f"profile_id = {library.profile.id}") == 2
    with library.database.system() as session:
        before = profiles.find_rollback(session)
    switch(library, before)
    assert states(library) == {"fake": "live", "other": "retired"}


def test_rollback__without_a_previous_profile_is_rejected(library):
    with pytest.raises(UnknownName, match="no profile to roll back to"), library.database.system() as session:
        profiles.find_rollback(session)


def test_recall__reads_the_vectors_of_its_own_profile_only(library, vector_of):
    library.add("old", ["one", "two"])
    other = add(library, replace(OTHER, dimensions=DIMENSIONS))
    embed_backlog(worker(library))
    query = RecallQuery("one", vector_of("other one"), (), mode="dense", top_n=1)
    mixed = PostgresRecall(library.database, library.workspace, library.profile).recall(query).candidates[0]
    right = PostgresRecall(library.database, library.workspace, other).recall(query).candidates[0]
    assert right.text == "one"
    assert right.dense_score == pytest.approx(1, abs=1e-3)
    assert mixed.dense_score is not None
    assert mixed.dense_score < 0.99


def test_drop__deletes_vectors_queue_and_indexes_and_keeps_the_row(library):
    library.add("old", ["one", "two"])
    other = add(library)
    embed_backlog(worker(library))
    build_vector_indexes(library.database, threshold=2)
    with library.database.system() as session:
        profiles.drop(session, other)
    assert len(drop_vector_indexes(library.database, other.id)) == 1
    with library.database.system() as session:
        assert [profiles.drop_vectors(session, other.id) for _ in range(2)] == [2, 0]
    assert library.count("pg_class", f"relname LIKE 'embeddings\\_hnsw\\_p{other.id}\\_%'") == 0
    assert library.count("pg_class", f"relname LIKE 'embeddings\\_hnsw\\_p{library.profile.id}\\_%'") == 1
    assert states(library)["other"] == "dropped"
    store(library, "new", ["three"])
    assert library.count("embedding_queue", f"profile_id = {other.id}") == 0


def test_drop__stops_if_the_profile_is_added_again_and_dropped_profiles_get_no_index(library):
    library.add("old", ["one", "two"])
    other = add(library)
    embed_backlog(worker(library))
    with library.database.system() as session:
        profiles.drop(session, other)
    build_vector_indexes(library.database, threshold=2)
    assert library.count("pg_class", f"relname LIKE 'embeddings\\_hnsw\\_p{other.id}\\_%'") == 0
    add(library)
    with library.database.system() as session:
        assert profiles.drop_vectors(session, other.id) == 0
    assert library.count("embeddings", f"profile_id = {other.id}") == 2


def test_drop__waits_for_a_question_that_started_during_the_switch(library):
    other = add(library)
    with library.database.system() as session:
        session.execute(text("SELECT now()"))  # the switch begins …
        library.run(  # … then the question, which reads the old profile
            "INSERT INTO jobs (workspace_id, kind, queue, payload, state, started_at)"
            f" VALUES ({library.workspace}, 'ask', 'query', '{{}}', 'running', now())"
        )
        profiles.switch(session, other)
    with pytest.raises(InvalidInput, match="1 running questions use"), library.database.system() as session:
        profiles.drop(session, library.profile)


def test_drop__rejects_the_live_profile_and_one_in_use_by_a_question(library):
    with pytest.raises(InvalidInput, match="is live"), library.database.system() as session:
        profiles.drop(session, library.profile)
    library.run(
        "INSERT INTO jobs (workspace_id, kind, queue, payload, state, started_at)"
        f" VALUES ({library.workspace}, 'ask', 'query', '{{}}', 'running', now())"
    )
    other = add(library)
    switch(library, other)
    with pytest.raises(InvalidInput, match="1 running questions use"), library.database.system() as session:
        profiles.drop(session, library.profile)
    library.run("UPDATE jobs SET state = 'succeeded' WHERE kind = 'ask'")
    with library.database.system() as session:
        profiles.drop(session, library.profile)


def test_tenants__can_read_profiles_but_not_change_them(library):
    with library.database.tenant(library.workspace) as session:
        assert session.scalar(text("SELECT count(*) FROM embedding_profiles")) == 1
    with pytest.raises(Exception, match="permission denied"), library.database.tenant(library.workspace) as session:
        session.execute(text("UPDATE embedding_profiles SET state = 'retired'"))


@pytest.mark.parametrize("dimensions", [DIMENSIONS - 1, DIMENSIONS + 1])
def test_vectors__of_other_dimensions_are_rejected(library, dimensions):
    job = store(library, "new", ["one"])
    token = uuid.uuid4()
    with library.database.system() as session:
        chunks = embeddings.claim_chunks(
            session, library.profile.id, worker="w", token=token, attempts=0, limit=9, lease_s=60
        )
    vectors = np.ones((1, dimensions), dtype=np.float32)
    with pytest.raises(ProfileMismatch, match="nothing was stored"), library.database.system() as session:
        embeddings.store_vectors(session, library.profile, token=token, chunks=chunks, vectors=vectors)
    assert library.count("embeddings") == 0
    assert library.job(job).state == "running"
