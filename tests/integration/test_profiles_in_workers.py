"""Embedding profiles in workers: which one they take, what they have loaded, what trouble with one does."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from config.setting_groups import EmbeddingSettings
from config.settings import Settings
from db import embeddings, profiles, workers
from db.workers import WorkerStatus
from pipeline.errors import (
    LlmUnreachable,
    ModelUnavailable,
    ProfileMismatch,
    ProfileNotReady,
)
from tasks.embed import EmbedderThread, embed_backlog
from tasks.profiles import ProfileWatcher
from tasks.startup import ensure_live_profile
from tests.integration.profile_steps import OTHER, Model, add, store, switch, worker


def test_trouble__beside_the_live_profile_is_named_and_holds_up_nobody(library):
    other = add(library)
    store(library, "new", ["three"])
    runtime = worker(library, {"other": LlmUnreachable("The endpoint is away.")})
    embed_backlog(runtime)
    assert library.count("embedding_queue", f"profile_id = {other.id} AND attempts = 0") == 1
    with library.database.system() as session:
        found = {status.profile.name: status.problem for status in profiles.list_statuses(session, max_attempts=3)}
    assert found == {"fake": "", "other": "The endpoint is away."}
    assert library.count("documents", "live_version_id IS NOT NULL") == 1
    embed_backlog(worker(library))
    with library.database.system() as session:
        assert profiles.list_statuses(session, max_attempts=3)[1].problem == ""


def test_trouble__with_the_live_profile_is_named_and_does_not_keep_what_may_take_its_place_from_being_built(library):
    library.add("old", ["one", "two"])
    other = add(library)
    store(library, "new", ["three"])
    runtime = worker(library, {"fake": LlmUnreachable("The endpoint is away.")})
    with pytest.raises(LlmUnreachable):
        embed_backlog(runtime, group="live")
    embed_backlog(runtime, group="other")
    assert library.count("embeddings", f"profile_id = {other.id}") == 3
    with library.database.system() as session:
        found = {status.profile.name: status.problem for status in profiles.list_statuses(session, max_attempts=3)}
    assert found == {"fake": "The endpoint is away.", "other": ""}


def test_trouble__an_endpoint_beside_the_live_profile_that_never_answers_delays_no_document(library, monkeypatch):
    add(library, replace(OTHER, backend="openai", base_url="http://127.0.0.1:9/v1"))
    hanging, released = threading.Event(), threading.Event()
    encode = Model.encode

    def hang(self, texts):
        if self.profile.name == "other":
            hanging.set()
            released.wait(60)
        return encode(self, texts)

    monkeypatch.setattr(Model, "encode", hang)
    runtime = worker(library)
    threads = EmbedderThread(runtime)
    first = store(library, "first", ["one"])
    threads.start()
    try:
        assert hanging.wait(30)
        job = store(library, "new", ["three"])
        threads.wake()
        ends = time.monotonic() + 30
        while library.job(job).state != "succeeded" and time.monotonic() < ends:
            time.sleep(0.05)
        assert [library.job(one).state for one in (first, job)] == ["succeeded", "succeeded"]
        assert not released.is_set()
    finally:
        released.set()
        threads.stop()


def test_trouble__with_a_key_or_a_model_is_not_the_documents_fault(library):
    job = store(library, "new", ["three"])
    for _ in range(5):
        with pytest.raises(ModelUnavailable):
            embed_backlog(worker(library, {"fake": ModelUnavailable("The endpoint refused the key.")}))
    embed_backlog(worker(library))
    assert library.job(job).state == "succeeded"


def test_poison__beside_the_live_profile_ends_no_job_and_blocks_the_switch(library):
    job = library.add("old", ["one"])
    other = add(library)
    library.run("UPDATE embedding_queue SET attempts = 9")
    with library.database.system() as session:
        assert embeddings.end_unembeddable(session, 3) == []
    assert library.job(job).state == "succeeded"
    with pytest.raises(ProfileNotReady, match="1 chunks"):
        switch(library, other)


def test_workers__say_what_they_have_loaded_and_let_go_of_what_was_dropped(library):
    library.run(
        "INSERT INTO workers (id, role, queues, host, pid, model) VALUES ('w1', 'query', '{query}', 'h', 1, 'm')"
    )
    other = add(library)
    with library.database.system() as session:
        assert profiles.list_workers_without(session, other.id) == ["w1"]
    runtime = worker(library)
    watcher = ProfileWatcher(runtime)
    watcher.load_profiles()
    with library.database.system() as session:
        assert profiles.list_workers_without(session, other.id) == []
        profiles.drop(session, other)
    watcher.load_profiles()
    assert runtime.parts.loaded() == {library.profile.id}


def test_worker__takes_the_live_profile_whatever_the_default_setting_says(library):
    assert ensure_live_profile(library.database, Settings(_env_file=None)).name == "fake"


def test_worker__set_to_a_model_that_the_store_does_not_know_refuses(library):
    with pytest.raises(ProfileMismatch, match="refdesk profiles add NAME --model strange"):
        ensure_live_profile(library.database, Settings(_env_file=None, embedding=EmbeddingSettings(model="strange")))


def test_worker__set_to_the_model_before_a_switch_goes_on_with_the_live_one(library):
    other = add(library)
    switch(library, other)
    found = ensure_live_profile(library.database, Settings(_env_file=None, embedding=EmbeddingSettings(model="fake")))
    assert replace(found, id=0) == OTHER


def test_worker__names_the_model_that_is_live_now(library):
    sign = WorkerStatus("w1", "query", ("query",), "h", 1, "fake")
    other = add(library)
    for expected in ("fake", "other"):
        with library.database.system() as session:
            workers.record_heartbeat(session, sign, took_task=False)
        assert library.count("workers", f"model = '{expected}'") == 1
        if expected == "fake":
            switch(library, other)


def test_worker__set_to_the_model_by_another_of_its_names_is_no_mismatch(library):
    library.run("UPDATE embedding_profiles SET model = 'all-MiniLM-L6-v2'")
    settings = Settings(_env_file=None, embedding=EmbeddingSettings(model="sentence-transformers/all-MiniLM-L6-v2"))
    assert ensure_live_profile(library.database, settings).name == "fake"
