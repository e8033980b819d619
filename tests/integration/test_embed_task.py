"""The embedder: full claims across documents, waiting partial claims, and released claims."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from config.job_setting_groups import JobSettings
from config.profile_parts import ProfilePartsCache
from config.setting_groups import EmbeddingSettings
from config.settings import Settings
from db import profiles, spending
from pipeline.errors import DatabaseUnavailable, ProfileMismatch
from pipeline.types import EmbeddingProfile, Usage
from pipeline.usage import record_usage
from tasks.embed import embed_backlog
from tests.integration.conftest import fake_vector


class FakeEmbedder:
    def __init__(self, profile, error: BaseException | None = None):
        self.profile, self.error = profile, error
        self.sizes: list[int] = []

    def encode(self, texts):
        self.sizes.append(len(texts))
        if self.error:
            raise self.error
        return np.array([fake_vector(text) for text in texts], dtype=np.float32)


def runtime(library, embedder, *, linger_s=10, max_attempts=3, batch_size=32) -> Any:
    def parts(_profile) -> Any:
        return SimpleNamespace(embedder=embedder)

    return SimpleNamespace(
        worker="w",
        settings=Settings(
            _env_file=None,
            embedding=EmbeddingSettings(claim_size=64, linger_s=linger_s, batch_size=batch_size),
            jobs=JobSettings(max_attempts=max_attempts),
        ),
        database=library.database,
        parts=ProfilePartsCache(parts, lambda: None),
        chunk_s={},
    )


def add_unembedded(library, source, texts):
    job = library.submit_bytes(source, source.encode())
    library.store(library.claim(job), texts)
    return job


def test_notes_and_a_book__run_at_full_claims(library):
    add_unembedded(library, "book", [f"page {n}" for n in range(150)])
    for n in range(42):
        add_unembedded(library, f"note {n}", [f"note {n}"])
    embedder = FakeEmbedder(library.profile)
    embed_backlog(runtime(library, embedder))
    assert embedder.sizes == [64, 64, 64]
    assert library.count("documents", "live_version_id IS NOT NULL") == 43


def test_slow_model__claims_as_many_whole_batches_as_it_embeds_in_a_second(library):
    class SlowEmbedder(FakeEmbedder):
        def encode(self, texts):
            time.sleep(0.05 * len(texts))
            return super().encode(texts)

    for n in range(2):
        add_unembedded(library, f"short {n}", [f"page {n}"])
    embedder = SlowEmbedder(library.profile)
    slow = runtime(library, embedder, batch_size=16)
    embed_backlog(slow)
    add_unembedded(library, "book", [f"page {n}" for n in range(10, 50)])
    embed_backlog(slow)
    assert embedder.sizes == [2, 32, 8]


def test_partial_claim__waits_while_more_documents_are_coming(library):
    add_unembedded(library, "note", ["one note"])
    library.submit_bytes("next", b"next")
    embedder = FakeEmbedder(library.profile)
    embed_backlog(runtime(library, embedder, linger_s=60))
    assert embedder.sizes == []
    embed_backlog(runtime(library, embedder, linger_s=0))
    assert embedder.sizes == [1]


def test_stopping_worker__releases_its_claim_without_an_attempt(library):
    add_unembedded(library, "note", ["one note"])
    with pytest.raises(SystemExit):
        embed_backlog(runtime(library, FakeEmbedder(library.profile, SystemExit())))
    assert library.count("embedding_queue", "attempts = 0 AND claim_token IS NULL") == 1


def test_batch_that_killed_its_worker__is_retried_in_smaller_claims(library):
    add_unembedded(library, "book", [f"page {n}" for n in range(40)])
    library.run("UPDATE embedding_queue SET attempts = 1")
    embedder = FakeEmbedder(library.profile)
    embed_backlog(runtime(library, embedder))
    assert embedder.sizes == [16, 16, 8]
    add_unembedded(library, "other", ["a", "b"])
    library.run("UPDATE embedding_queue SET attempts = 2")
    embed_backlog(runtime(library, embedder))
    assert embedder.sizes[3:] == [1, 1]


def test_chunk_out_of_attempts__is_left_to_the_sweeper(library):
    add_unembedded(library, "poison", ["poison"])
    library.run("UPDATE embedding_queue SET attempts = 3")
    embedder = FakeEmbedder(library.profile)
    embed_backlog(runtime(library, embedder))
    assert embedder.sizes == []


def test_database_unavailable__does_not_count_as_an_attempt(library):
    add_unembedded(library, "good", ["good"])
    with pytest.raises(DatabaseUnavailable):
        embed_backlog(runtime(library, FakeEmbedder(library.profile, DatabaseUnavailable())))
    assert library.count("embedding_queue", "attempts = 0 AND claim_token IS NULL") == 1


def test_one_attempt__still_narrows_down_before_a_job_dies(library):
    add_unembedded(library, "a", ["a"])
    with pytest.raises(RuntimeError):
        embed_backlog(runtime(library, FakeEmbedder(library.profile, RuntimeError()), max_attempts=1))
    embedder = FakeEmbedder(library.profile)
    embed_backlog(runtime(library, embedder, max_attempts=1))
    assert embedder.sizes == [1]


def test_batch_that_fails__counts_and_is_retried_in_smaller_claims(library):
    add_unembedded(library, "bad", ["bad"])
    with pytest.raises(RuntimeError):
        embed_backlog(runtime(library, FakeEmbedder(library.profile, RuntimeError("no memory"))))
    assert library.count("embedding_queue", "attempts = 1 AND claim_token IS NULL") == 1


class PaidEmbedder(FakeEmbedder):
    """An endpoint that charges a dollar for each request."""

    def encode(self, texts):
        record_usage(Usage(1, 90, cost_usd=1.0))
        return super().encode(texts)


def used(library):
    with library.database.owner() as session:
        rows = session.execute(text("SELECT * FROM embedding_usage ORDER BY id")).mappings()
        return [
            (row["workspace_id"], row["requester"], row["tokens"], round(float(row["cost_usd"]), 4)) for row in rows
        ]


def test_usage_of_an_endpoint__is_divided_among_the_documents_of_a_batch(library):
    long, short = "one two three four five six seven eight", "one two three"
    for source, words, workspace, requester in (
        ("a", long, library.workspace, "42"),
        ("b", short, library.other, "43"),
    ):
        job = library.submit_bytes(source, source.encode(), workspace=workspace)
        library.run(f"UPDATE jobs SET requester = '{requester}' WHERE id = {job}")
        library.store(library.claim(job), [words])
    embed_backlog(runtime(library, PaidEmbedder(library.profile), linger_s=0))
    first, second = used(library)
    assert (first[:2], second[:2]) == ((library.workspace, "42"), (library.other, "43"))
    assert first[2] > second[2] > 0
    assert first[2] + second[2] == 90
    assert first[3] == pytest.approx(first[2] / 90, abs=0.0001)
    with library.database.tenant(library.workspace) as session:
        cost = spending.read_job_cost(session, 1)
    assert (cost.tokens, round(cost.cost_usd, 4)) == first[2:]


def test_usage_of_an_endpoint__is_recorded_if_the_batch_fails(library):
    add_unembedded(library, "note", ["one note"])
    with pytest.raises(RuntimeError):
        embed_backlog(runtime(library, PaidEmbedder(library.profile, RuntimeError("unreadable")), linger_s=0))
    assert used(library) == [(library.workspace, "", 90, 1.0)]


def test_usage_of_an_endpoint__of_a_profile_that_is_not_live_is_not_charged_to_users(library):
    with library.database.system() as session:
        other = profiles.add(session, EmbeddingProfile(0, "next", "next", 8, 256))
        profiles.start_building(session, other.id)
    add_unembedded(library, "note", ["one note"])
    embed_backlog(runtime(library, PaidEmbedder(library.profile), linger_s=0), group="other")
    assert used(library) == [(library.workspace, None, 90, 1.0)]
    assert library.count("spending") == 0


def test_local_model__records_no_usage(library):
    add_unembedded(library, "note", ["one note"])
    embed_backlog(runtime(library, FakeEmbedder(library.profile), linger_s=0))
    assert used(library) == []


def test_endpoint_with_other_dimensions__stores_nothing_and_is_shown_with_the_profile(library):
    add_unembedded(library, "note", ["one note"])
    mismatch = ProfileMismatch("The model returns vectors of 5 dimensions. Add a profile for the new dimensions.")
    with pytest.raises(ProfileMismatch):
        embed_backlog(runtime(library, FakeEmbedder(library.profile, mismatch), linger_s=0))
    assert library.count("embeddings") == 0
    assert library.count("embedding_queue", "attempts = 0 AND claim_token IS NULL") == 1
    assert library.count("embedding_profiles", "problem LIKE '%Add a profile for the new dimensions.'") == 1
    embed_backlog(runtime(library, FakeEmbedder(library.profile), linger_s=0))
    assert library.count("documents", "live_version_id IS NOT NULL") == 1
    assert library.count("embedding_profiles", "problem = ''") == 1


def test_batch_that_cannot_be_stored__releases_the_next_one_too(library):
    class FirstTooShort(FakeEmbedder):
        def encode(self, texts):
            vectors = super().encode(texts)
            return vectors[:, :4] if len(self.sizes) == 1 else vectors

    add_unembedded(library, "book", [f"page {n}" for n in range(100)])
    with pytest.raises(Exception, match="dimensions"):
        embed_backlog(runtime(library, FirstTooShort(library.profile)))
    assert [thread for thread in threading.enumerate() if thread.name == "heartbeat"] == []
    assert library.count("embedding_queue", "claim_token IS NULL") == 100
