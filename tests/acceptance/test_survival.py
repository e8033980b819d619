"""Killed workers and lost queue messages: every job finishes exactly once and no data is lost."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import redis

from config.redis_urls import to_client_url
from tasks.roles import QUEUE_OF_ROLE
from tasks.submit import Submitter

WORDS = [
    *("copper", "lantern", "meadow", "orbit", "pencil", "quartz"),
    *("river", "saddle", "timber", "velvet", "walnut", "zephyr"),
]


def long_document(paragraphs: int) -> str:
    lines = [f"# Chapter {n}\n\n" + " ".join(WORDS[(n + k * k) % 12] for k in range(150)) for n in range(paragraphs)]
    return "\n\n".join(lines)


def assert_complete(installation, chunks: int) -> None:
    """Assert that every chunk is stored once, with one vector and its terms, and that the backlog is empty."""
    assert installation.value("SELECT count(*) FROM chunks") == chunks
    assert installation.value("SELECT count(DISTINCT (version_id, ordinal)) FROM chunks") == chunks
    assert installation.value("SELECT count(*) FROM embeddings") == chunks
    assert installation.value("SELECT count(*) FROM chunk_terms") == chunks
    assert installation.value("SELECT count(*) FROM embedding_queue") == 0
    assert installation.value("SELECT count(*) FROM document_versions") == installation.value(
        "SELECT count(*) FROM documents"
    )


def test_ingest_worker_killed_while_embedding(installation, tmp_path):
    file = tmp_path / "book.md"
    file.write_text(long_document(120))
    worker = installation.start_worker("ingest", REFDESK_EMBED_CLAIM_SIZE="16")
    assert installation.refdesk("ingest", str(file), "--no-wait").returncode == 0
    installation.wait_until(lambda: installation.value("SELECT count(*) FROM embeddings") >= 16, "first embeddings")
    installation.kill(worker)
    assert installation.value("SELECT state FROM jobs") == "running"
    left = installation.value("SELECT count(*) FROM embedding_queue")
    assert left > 0
    installation.start_worker("ingest")
    installation.wait_for_state(1, "succeeded")
    assert_complete(installation, 120)


@pytest.fixture
def slow_llm():
    """A chat endpoint that receives a request, waits until the test releases it and then rejects it."""
    requested, release = threading.Event(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            requested.set()
            release.wait(60)
            self.send_response(401)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1", requested, release
    release.set()
    server.shutdown()
    server.server_close()


def test_query_worker_killed_while_answering(library, slow_llm):
    url, requested, release = slow_llm
    model = {"REFDESK_LLM_BASE_URL": url, "REFDESK_LLM_MODEL": "slow"}
    worker = library.start_worker("query", **model)
    options = {"recall": "hybrid", "top_n": 50, "top_k": 3, "reranker": "none"}
    job = library.submit("ask", {"question": "Where does the copper lantern hang?", "options": options})
    assert requested.wait(60), library.log_tail()
    library.kill(worker)
    release.set()
    library.start_worker("query", **model)
    library.wait_for_state(job, "succeeded")
    assert library.value(f"SELECT attempt FROM jobs WHERE id = {job}") == 2
    assert library.value("SELECT count(*) FROM queries") == 1
    assert "north hall" in library.value("SELECT answer FROM queries")


def test_lost_and_duplicate_messages__every_job_runs_to_its_end_once(installation, redis_url, tmp_path):
    folder = tmp_path / "notes"
    folder.mkdir()
    for n in range(8):
        (folder / f"{n}.txt").write_text(f"Note {n} is about {WORDS[n]}.")
    assert installation.refdesk("ingest", str(folder), "--no-wait").returncode == 0
    # The state after a worker claimed the job and died while parsing: running, with a lease that expires now.
    installation.value(
        "UPDATE jobs SET state = 'running', attempt = 1, lease_owner = 'gone', lease_token = gen_random_uuid(),"
        " lease_expires = now() WHERE id = 1 RETURNING id"
    )
    with redis.Redis.from_url(to_client_url(redis_url)) as client:
        assert client.dbsize() > 0
        client.flushdb()
        worker = installation.start_worker("ingest")
        installation.wait_until(
            lambda: installation.value("SELECT count(*) FROM jobs WHERE state <> 'succeeded'") == 0, "all jobs done"
        )
        assert installation.value("SELECT array_agg(attempt ORDER BY id) FROM jobs") == [2] + [1] * 7

        payload = installation.value("SELECT payload FROM jobs WHERE id = 8")
        repeated = installation.submit("ingest", payload | {"source": "again.txt", "name": "again.txt"})
        assert Submitter(installation.database, redis_url, expires_s=60).publish([(repeated, "ingest")] * 4)
        installation.wait_for_state(repeated, "succeeded")
        installation.wait_until(lambda: client.llen(QUEUE_OF_ROLE["ingest"]) == 0, "messages received")
    assert installation.stop(worker) == 0
    assert installation.value(f"SELECT attempt FROM jobs WHERE id = {repeated}") == 1
    assert installation.value("SELECT count(*) FROM workers") == 0
    assert_complete(installation, 9)


def test_worker_whose_child_cannot_start__exits_with_the_reason(installation):
    result = installation.refdesk("worker", "query", REFDESK_LLM_BASE_URL="http://127.0.0.1:9/v1", REFDESK_LLM_MODEL="")
    assert result.returncode == 1
    assert "Set it to a model that the server offers" in result.stderr.decode().strip().splitlines()[-1]
    assert installation.value("SELECT count(*) FROM workers") == 0
