"""Killed workers and lost queue messages: every job finishes exactly once and no data is lost."""

from __future__ import annotations

import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import redis

from config.redis_urls import to_client_url

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


def test_ingest_worker_killed_while_parsing__job_runs_again(installation, tmp_path):
    file = tmp_path / "note.txt"
    file.write_text("A short note about copper lanterns.")
    installation.refdesk("ingest", str(file), "--no-wait")
    # The state after a worker claimed the job and died: running, with a lease that expires now.
    installation.value(
        "UPDATE jobs SET state = 'running', attempt = 1, lease_owner = 'gone', lease_token = gen_random_uuid(),"
        " lease_expires = now() RETURNING id"
    )
    installation.start_worker("ingest")
    installation.wait_for_state(1, "succeeded")
    assert installation.value("SELECT attempt FROM jobs") == 2
    assert_complete(installation, 1)


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


def test_query_worker_killed_while_answering(installation, tmp_path, slow_llm):
    url, requested, release = slow_llm
    file = tmp_path / "note.txt"
    file.write_text("The copper lantern hangs in the north hall and is lit at dusk.")
    installation.start_worker("ingest")
    assert installation.refdesk("ingest", str(file)).returncode == 0
    model = {"REFDESK_LLM_BASE_URL": url, "REFDESK_LLM_MODEL": "slow"}
    worker = installation.start_worker("query", **model)
    options = {"recall": "hybrid", "top_n": 50, "top_k": 3, "reranker": "none"}
    job = installation.submit("ask", {"question": "Where does the copper lantern hang?", "options": options})
    assert requested.wait(60), installation.log_tail()
    installation.kill(worker)
    release.set()
    installation.start_worker("query", **model)
    installation.wait_for_state(job, "succeeded")
    assert installation.value(f"SELECT attempt FROM jobs WHERE id = {job}") == 2
    assert installation.value("SELECT count(*) FROM queries") == 1
    assert "north hall" in installation.value("SELECT answer FROM queries")


def test_redis_flushed_with_jobs_queued(installation, redis_url, tmp_path):
    folder = tmp_path / "notes"
    folder.mkdir()
    for n in range(8):
        (folder / f"{n}.txt").write_text(f"Note {n} is about {WORDS[n]}.")
    assert installation.refdesk("ingest", str(folder), "--no-wait").returncode == 0
    with redis.Redis.from_url(to_client_url(redis_url)) as client:
        assert client.dbsize() > 0
        client.flushall()
    installation.start_worker("ingest")
    installation.wait_until(
        lambda: installation.value("SELECT count(*) FROM jobs WHERE state <> 'succeeded'") == 0, "all jobs succeeded"
    )
    assert_complete(installation, 8)


def test_duplicate_messages__run_the_job_once(installation, tmp_path, redis_url):
    from tasks.submit import Submitter

    file = tmp_path / "note.txt"
    file.write_text("Only once.")
    installation.refdesk("ingest", str(file), "--no-wait")
    submitter = Submitter(installation.database, redis_url, expires_s=60)
    assert submitter.publish([(1, "ingest"), (1, "ingest"), (1, "ingest")])
    installation.start_worker("ingest")
    installation.wait_for_state(1, "succeeded")
    installation.wait_until(
        lambda: installation.value("SELECT last_task_at IS NOT NULL FROM workers") is True, "messages received"
    )
    assert installation.value("SELECT attempt FROM jobs") == 1
    assert_complete(installation, 1)


def test_worker_stopped__removes_its_row(installation):
    worker = installation.start_worker("ingest")
    worker.send_signal(signal.SIGTERM)
    worker.wait(30)
    assert installation.value("SELECT count(*) FROM workers") == 0


def test_worker_whose_child_cannot_start__exits_with_the_reason(installation):
    result = installation.refdesk("worker", "query", REFDESK_LLM_BASE_URL="http://127.0.0.1:9/v1", REFDESK_LLM_MODEL="")
    assert result.returncode == 1
    assert "Set it to a model that the server offers" in result.stderr.decode().strip().splitlines()[-1]
    assert installation.value("SELECT count(*) FROM workers") == 0
