"""A batch of ingest jobs: each document has its own outcome, whatever happens to the others."""

from __future__ import annotations

import uuid
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from config.prices import Price
from config.profile_parts import ProfilePartsCache
from config.setting_groups import BudgetSettings
from config.settings import Settings
from db import embeddings, job_batches, jobs, spending
from db.sweep import sweep
from pipeline.errors import ParserCrashed, UnreadableFile
from pipeline.ingest import IngestParts
from pipeline.types import Block, ParsedDocument, Usage
from tasks import ingest, worker_heartbeat
from tasks.lease_batch import lease_jobs
from tasks.runtime import Runtime


class WordTokenizer:
    def count(self, text):
        return len(text.split())


class FakeParser:
    """Reads text, and calls the function that a test set for the name of a source."""

    def __init__(self):
        self.hooks: dict[str, Any] = {}
        self.parsed: list[str] = []

    def parse(self, source, *, cancelled=lambda: False, on_page=lambda _done, _total: None):
        self.parsed.append(source.name)
        if source.name in self.hooks:
            self.hooks[source.name](on_page)
        return ParsedDocument(source.name, "text/plain", (Block(source.content.decode()),))

    def discard_pages(self, source):
        pass


def fail_with(error):
    def fail(_on_page):
        raise error

    return fail


@pytest.fixture
def parser():
    return FakeParser()


@pytest.fixture
def runtime(library, parser) -> Runtime:
    ports = IngestParts(parser, None, WordTokenizer(), library.profile, 100, 0, 1000, 60)  # type: ignore[arg-type]
    loaded: Any = SimpleNamespace(ingest=ports)
    parts = ProfilePartsCache(lambda _profile: loaded, lambda: None)
    return Runtime("w", Settings(_env_file=None), library.database, parts)


@pytest.fixture
def work(library, runtime):
    """Return a function that ingests the next batch and returns its jobs."""

    def run():
        with lease_jobs(library.database, worker="w", stage="parse", lease_s=60) as batch:
            ingest._ingest(runtime, batch, batch.jobs)
            return [job.lease.job_id for job in batch.jobs]

    return run


@pytest.fixture
def stopping():
    yield worker_heartbeat.note_stopping
    worker_heartbeat._stopping.value = 0


def submit(library, *names, **values):
    return [library.submit_bytes(name, f"text of {name}".encode(), **values) for name in names]


def states(library, numbers):
    return [(job.state, job.stage) for job in map(library.job, numbers)]


def test_batch__is_stored_together_and_each_job_waits_for_its_vectors(library, work):
    numbers = submit(library, "a", "b", "c")
    work()
    assert states(library, numbers) == [("running", "embed")] * 3
    assert library.count("chunks") == library.count("embedding_queue") == library.count("chunk_terms") == 3
    assert library.count("jobs", "lease_token IS NULL AND progress_total = 1 AND attempt = 1") == 3
    library.embed()
    assert [library.job(number).result["title"] for number in numbers] == ["a", "b", "c"]


def test_batch__invalid_document_and_killed_parser_end_only_their_own_jobs(library, work, parser):
    numbers = submit(library, "good", "bad", "killer", "last")
    parser.hooks["bad"] = fail_with(UnreadableFile("bad: it has no pages."))
    parser.hooks["killer"] = fail_with(ParserCrashed("The parser process crashed on killer."))
    work()
    assert states(library, numbers) == [
        ("running", "embed"),
        ("failed", "parse"),
        ("failed", "parse"),
        ("running", "embed"),
    ]
    assert library.job(numbers[1]).error == "bad: it has no pages."
    assert library.job(numbers[2]).error_class == "ParserCrashed"
    assert library.count("documents") == 2


def test_batch__cancelled_before_its_turn_and_before_it_is_stored(library, work, parser):
    first, second, third, fourth = numbers = submit(library, "first", "second", "third", "fourth")

    def cancel(_on_page):
        with library.database.tenant(library.workspace) as session:
            assert jobs.cancel(session, first) == jobs.cancel(session, third) == "running"

    parser.hooks["second"] = cancel
    work()
    assert [library.job(number).state for number in numbers] == ["cancelled", "running", "cancelled", "running"]
    assert library.count("documents") == 2
    assert library.job(second).stage == library.job(fourth).stage == "embed"


def test_batch__lost_lease_changes_nothing(library, work, parser):
    lost, kept = submit(library, "lost", "kept")
    parser.hooks["kept"] = lambda _on_page: library.run(
        f"UPDATE jobs SET lease_token = gen_random_uuid(), lease_owner = 'other' WHERE id = {lost}"
    )
    work()
    assert (library.job(lost).state, library.job(lost).lease_owner) == ("running", "other")
    assert library.job(kept).stage == "embed"
    assert library.count("documents") == library.count("chunks") == 1


def test_batch__document_that_the_database_rejects_fails_alone(library, work, parser):
    numbers = submit(library, "a", "nul", "b")
    text = "a\x00b"
    parser.parse = lambda source, **_: ParsedDocument(
        text if source.name == "nul" else source.name, "text/plain", (Block(source.content.decode()),)
    )
    work()
    assert [library.job(number).stage for number in numbers] == ["embed", "parse", "embed"]
    assert library.job(numbers[1]).state == "queued", "an unknown error is tried again"
    assert library.job(numbers[1]).error


def test_batch__two_jobs_of_one_source_become_live_in_the_order_of_their_requests(library, work):
    numbers = [library.submit_bytes("same", b"old"), library.submit_bytes("same", b"new")]
    work()
    library.embed()
    assert [library.job(number).state for number in numbers] == ["succeeded", "succeeded"]
    assert library.count("document_versions") == library.count("documents") == 1
    assert library.count("chunks", "text = 'new'") == 1


def test_batch__unchanged_and_missing_content(library, work, parser):
    library.add("known", ["text of known"])
    parser.parsed.clear()
    known = library.submit_bytes("known", b"text of known")
    gone = library.submit({"source": "gone", "name": "gone", "sha256": "00" * 32, "channels": None})
    new = library.submit_bytes("new", b"text of new")
    assert work() == [known, new]
    assert work() == [gone]
    assert library.job(known).result["unchanged"] is True
    assert "no longer stored" in library.job(gone).error
    assert parser.parsed == ["new"]


def test_batch__text_recognition_does_not_delay_the_documents_before_it(library, work, parser):
    numbers = submit(library, "note", "scan")
    seen = []

    def recognise(on_page):
        on_page(0, 1)
        seen.append(library.job(numbers[0]).stage)

    parser.hooks["scan"] = recognise
    work()
    assert seen == ["embed"]


def test_stopping_worker__releases_the_rest_of_its_batch_without_an_attempt(library, work, parser, stopping):
    numbers = submit(library, "a", "b", "c")
    parser.hooks["b"] = lambda _on_page: stopping()
    work()
    assert [(job.state, job.attempt) for job in map(library.job, numbers)] == [
        ("running", 1),
        ("queued", 0),
        ("queued", 0),
    ]


def test_worker_killed_in_the_middle_of_a_batch__each_document_is_tried_alone(library, work, parser):
    numbers = submit(library, "a", "killer", "b")
    with library.database.system() as session:
        claimed = job_batches.claim(session, numbers, worker="gone", stage="parse", lease_s=0)
    assert [lease.job_id for lease in claimed] == numbers
    with library.database.system() as session:
        swept = sweep(session, patience_s=60, embed_attempts=3)
        assert swept is not None
        assert swept.expired == tuple(numbers)
    with library.database.system() as session:
        messages = job_batches.group_for_messages(session, swept.to_publish)
    assert messages == [("ingest", [number]) for number in numbers]
    assert work() == [numbers[0]]
    with library.database.system() as session:
        jobs.claim(session, numbers[1], worker="gone", stage="parse", lease_s=0)
    assert work() == [numbers[2]]
    with library.database.system() as session:
        sweep(session, patience_s=60, embed_attempts=3)
    with library.database.system() as session:
        jobs.claim(session, numbers[1], worker="gone", stage="parse", lease_s=0)
    with library.database.system() as session:
        sweep(session, patience_s=60, embed_attempts=3)
    assert [(job.state, job.attempt) for job in map(library.job, numbers)] == [
        ("running", 2),
        ("dead", 3),
        ("running", 2),
    ]
    assert library.count("quarantine") == 1


def test_message__starts_as_many_jobs_as_it_names_in_the_fair_order(library, runtime):
    large = [library.submit_bytes(f"large {n}", b"x" * (job_batches.MAX_BYTES + 1 + n)) for n in range(3)]
    foreign = library.submit_bytes("note", b"note", workspace=library.other)
    ingest.ingest_next(runtime, 2)
    assert states(library, large) == [("running", "embed"), ("queued", ""), ("queued", "")]
    assert library.job(foreign, library.other).stage == "embed"
    ingest.ingest_next(runtime, 1)
    assert states(library, large) == [("running", "embed"), ("running", "embed"), ("queued", "")]
    ingest.ingest_next(runtime, 9)
    assert library.count("jobs", "state = 'queued'") == 0


def test_messages__share_small_documents_of_one_workspace(library):
    large = library.submit_bytes("large", b"x" * (job_batches.MAX_BYTES + 1))
    small = submit(library, *(f"note {n}" for n in range(job_batches.MAX_JOBS + 1)))
    foreign = library.submit_bytes("note", b"note", workspace=library.other)
    link = library.submit({"source": "u", "name": "u", "url": "http://example.com/", "sha256": None})
    once = library.submit_bytes("once", b"once")
    library.run(f"UPDATE jobs SET max_attempts = 1 WHERE id = {once}")
    queued = [(number, "ingest") for number in (small[0], large, *small[1:], foreign, link, once)]
    with library.database.system() as session:
        messages = job_batches.group_for_messages(session, [*queued, (999, "query")])
    assert messages == [
        ("ingest", small[: job_batches.MAX_JOBS]),
        ("ingest", [large]),
        ("ingest", small[job_batches.MAX_JOBS :]),
        ("ingest", [foreign]),
        ("ingest", [link]),
        ("ingest", [once]),
        ("query", [999]),
    ]


def test_submit_all__keeps_the_order_and_returns_known_requests(library):
    def job(key=None):
        return jobs.NewJob(library.workspace, "ingest", {"source": "s"}, request_key=key)

    with library.database.tenant(library.workspace) as session:
        first = jobs.submit_all(session, [job(), job("a"), job(), job("a"), job("b")])
        again = jobs.submit_all(session, [job("b"), job(), job("a")])
    assert first[1] == first[3]
    assert len(set(first)) == 4
    assert again[0] == first[4]
    assert again[2] == first[1]
    assert again[1] not in first


@pytest.fixture
def ingest_paid(library, parser):
    """Ingest documents with an endpoint that costs 1,000 dollars per million tokens; a word counts as two tokens."""
    profile = replace(library.profile, backend="openai")
    ports = IngestParts(parser, None, WordTokenizer(), profile, 100, 0, 1000, 60)  # type: ignore[arg-type]
    loaded: Any = SimpleNamespace(ingest=ports)
    budget = BudgetSettings(prices={"fake": Price(prompt=1000)}, question_hard_usd=0.001, server_day_hard_usd=0.1)
    settings = Settings(_env_file=None, budget=budget)
    runtime = Runtime("w", settings, library.database, ProfilePartsCache(lambda _profile: loaded, lambda: None))

    def run(*numbers):
        with lease_jobs(library.database, worker="w", stage="parse", lease_s=60) as batch:
            assert [job.lease.job_id for job in batch.jobs] == list(numbers)
            ingest._ingest(runtime, batch, batch.jobs)

    return run


def counted_usd(library):
    with library.database.owner() as session:
        return float(session.scalar(text("SELECT coalesce(sum(cost_usd + reserved_usd), 0) FROM spending")))


def test_paid_endpoint__document_over_the_hard_limit_is_rejected_before_its_chunks_are_queued(library, ingest_paid):
    small, large, again = (
        library.submit_bytes(name, ("word " * count).encode()) for name, count in (("a", 40), ("b", 60), ("c", 40))
    )
    ingest_paid(small, large, again)
    assert states(library, [small, large, again]) == [("running", "embed"), ("failed", "parse"), ("running", "embed")]
    rejected = library.job(large)
    assert rejected.error_class == "BudgetExceeded"
    assert "would exceed the limit of $0.10 for this server in 24 hours, of which" in rejected.error
    assert library.count("spending_reservations") == library.count("spending", "reserved_usd > 0") == 2
    library.embed()
    assert library.count("spending") == 0, "a document that is done counts with its recorded usage only"


def test_paid_endpoint__another_attempt_replaces_the_reservation_of_the_one_before(library, ingest_paid):
    number = library.submit_bytes("a", b"word " * 60)
    ingest_paid(number)
    once = counted_usd(library)
    assert once > 0.05, "two such reservations exceed the limit"
    library.run("UPDATE jobs SET state = 'queued', run_after = now()")
    ingest_paid(number)
    assert states(library, [number]) == [("running", "embed")]
    assert counted_usd(library) == once


def test_paid_endpoint__recorded_batches_are_part_of_the_reservation(library, ingest_paid):
    number = library.submit_bytes("a", b"word " * 60)
    ingest_paid(number)
    reserved = counted_usd(library)
    with library.database.system() as session:
        (chunk, *_) = embeddings.claim_chunks(
            session, library.profile.id, worker="w", token=uuid.uuid4(), attempts=0, limit=1, lease_s=60
        )
        spending.record_embedding(session, library.profile.id, [chunk], Usage(1, 10, cost_usd=reserved / 2))
    assert counted_usd(library) == pytest.approx(reserved)
    with library.database.system() as session:
        spending.record_embedding(session, library.profile.id, [chunk], Usage(1, 30, cost_usd=reserved))
    assert counted_usd(library) == pytest.approx(1.5 * reserved), "the recorded usage counts, also above the estimate"


def test_batch__of_another_workspace_is_small_if_the_worker_is_slow(library, runtime, parser):
    submit(library, *[f"many {n}" for n in range(40)])
    other = library.submit_bytes("note", b"a note", workspace=library.other)
    runtime.batch_sizer.record(64, 2.56)
    ingest.ingest_next(runtime, 26)
    assert parser.parsed == [*[f"many {n}" for n in range(25)], "note"]
    assert library.job(other, library.other).stage == "embed"
