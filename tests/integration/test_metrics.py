"""The metrics of a store, against real servers."""

from __future__ import annotations

import os
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from db import jobs, workers
from db.engine import Database
from db.schema import migrate
from db.workers import WorkerStatus
from embedded.process import find_servers
from embedded.programs import REDIS_PROGRAMS
from embedded.servers import EmbeddedServers
from monitoring.collectors import STORE_METRICS, StoreFigures
from monitoring.health import ServerCheck

MAKE_OLDER = """
UPDATE jobs SET (run_after, requested_at) = ROW(since, since) FROM (SELECT now() - interval '90 s') AS t (since)
"""
ADD_QUESTIONS = """
INSERT INTO queries (workspace_id, job_id, question, recall, top_n, top_k, reranker_asked, reranker, plan, rows_asked,
    rows_returned, answer, abstained, answer_model, timings_ms, cost_usd, created_at)
SELECT :workspace, CASE WHEN n = 1 THEN :job END, 'Where?', 'hybrid', 1, 1, 'none', 'none', 'p', 1, 1, 'A',
    n = 3, 'm', jsonb_build_object('recall', n * 1000, 'total', 9000), 0.25, now() - n * interval '4 min'
FROM generate_series(1, 4) n
"""
"""Questions 4, 8, 12 and 16 minutes ago."""
ADD_DELIVERY = """
INSERT INTO deliveries (workspace_id, request_key, kind, application_id, channel_id, user_id, due_at)
VALUES (:workspace, 'k', 'answer', '1', '2', '3', now() - interval '40 s')
"""
Samples = dict[tuple[str, ...], float]


def scrape(database: Database) -> Samples:
    """Return the values by metric and labels, these in the alphabetical order of their names."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StoreFigures(database))
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
    }


def test_figures__of_jobs_chunks_and_workers(library):
    found = scrape(library.database)
    assert found["refdesk_store_up",] == 1
    assert found["refdesk_jobs", "query", "dead"] == 0
    assert found["refdesk_oldest_waiting_job_seconds", "ingest"] == 0
    assert found["refdesk_workers", "query"] == 0
    lease = library.claim(library.submit_bytes("notes.txt", b"The hall."))
    library.store(lease, ["The hall.", "The gate."])
    library.submit_bytes("other.txt", b"The wall.")
    with library.database.system() as session:
        workers.record_heartbeat(session, WorkerStatus("w", "query", ("query",), "host", 1, "m"), took_task=False)
        session.execute(text(MAKE_OLDER))
    found = scrape(library.database)
    assert found["refdesk_jobs", "ingest", "queued"] == 1
    assert found["refdesk_jobs", "ingest", "running"] == 1
    assert 90 <= found["refdesk_oldest_waiting_job_seconds", "ingest"] < 120
    assert found["refdesk_oldest_waiting_job_seconds", "query"] == 0
    assert found["refdesk_waiting_chunks", library.profile.name] == 2
    assert found["refdesk_embedded_chunks", library.profile.name] == 0
    assert found["refdesk_workers", "query"] == 1
    assert found["refdesk_workers", "ingest"] == 0
    assert found["refdesk_store_bytes",] > 100_000
    library.embed()
    found = scrape(library.database)
    assert found["refdesk_jobs", "ingest", "succeeded"] == 1
    assert found["refdesk_embedded_chunks", library.profile.name] == 2
    assert found["refdesk_waiting_chunks", library.profile.name] == 0
    assert found["refdesk_documents",] == 1
    assert 90 <= found["refdesk_job_duration_seconds", "0.5", "ingest"] < 120
    assert found["refdesk_stage_duration_seconds", "0.95", "ingest", "start"] > 0


def test_figures__of_answers_deliveries_and_spending(library):
    with library.database.tenant(library.workspace) as session:
        job = jobs.submit(session, jobs.NewJob(library.workspace, "ask", {"question": "Where?"}))
    with library.database.owner() as session:
        session.execute(text(ADD_QUESTIONS), {"workspace": library.workspace, "job": job})
        session.execute(text(ADD_DELIVERY), {"workspace": library.workspace})
    found = scrape(library.database)
    assert (found["refdesk_recent_answers", "answered"], found["refdesk_recent_answers", "abstained"]) == (2, 0)
    assert found["refdesk_stage_duration_seconds", "0.5", "query", "recall"] == pytest.approx(1.5)
    assert ("refdesk_stage_duration_seconds", "0.5", "query", "total") not in found
    assert found["refdesk_deliveries", "open"] == 1
    assert found["refdesk_deliveries", "undeliverable"] == 0
    assert 40 <= found["refdesk_oldest_due_delivery_seconds",] < 70
    assert found["refdesk_spending_today_usd",] <= 1  # less than 1 shortly after midnight
    assert found["refdesk_spending_today_usd",] % 0.25 == 0


def test_figures__contain_no_text_name_or_id(library):
    lease = library.claim(library.submit_bytes("secret-title.txt", b"A secret text."))
    library.store(lease, ["A secret text."])
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StoreFigures(library.database))
    page = generate_latest(registry).decode()
    assert "secret" not in page.lower()
    queues_and_states = "query ingest queued running succeeded failed cancelled dead answered abstained open delivered"
    known = {*queues_and_states.split(" "), "undeliverable", "0.5", "0.95", "start", library.profile.name}
    values = {
        value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        for value in sample.labels.values()
    }
    assert values <= known


def test_figures__every_metric_has_its_help_and_no_other():
    statement = (Path(__file__).parents[2] / "db" / "sql" / "metrics.sql").read_text(encoding="utf-8")
    selected = {line.split("'")[1] for line in statement.splitlines() if line.startswith("SELECT '")}
    assert selected == set(STORE_METRICS)


def test_store_is_away__only_refdesk_store_up():
    database = Database("postgresql://user:secret-word@127.0.0.1:1/none")
    assert scrape(database) == {("refdesk_store_up",): 0}


@pytest.mark.parametrize(
    ("folder", "programs", "name"), [("postgres", "postgres", "PostgreSQL"), ("redis", REDIS_PROGRAMS, "Redis")]
)
def test_ready__while_a_server_does_not_respond_and_afterwards(home, folder, programs, name):
    with EmbeddedServers(home) as urls, closing(ServerCheck(urls.database_url, urls.redis_url)) as check:
        migrate(urls.database_url)
        assert check() == ""
        servers: list[psutil.Process] = find_servers(home / folder, programs)
        servers += [child for server in servers for child in server.children(recursive=True)]
        for server in servers:
            server.suspend()
        try:
            problems = [check(), check()]
        finally:
            for server in servers:
                server.resume()
        assert all(problem.startswith(f"{name} ") for problem in problems), problems
        deadline = time.monotonic() + 30
        while check():
            assert time.monotonic() < deadline


def test_ready__server_has_ended():
    check = ServerCheck("postgresql://user:secret-word@127.0.0.1:1/none", os.environ.get("REDIS_URL", ""))
    assert "The database is unreachable" in check()
    assert "secret-word" not in check()
