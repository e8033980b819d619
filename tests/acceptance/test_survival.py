"""What is killed, flushed or cut off in the middle of its work: the jobs finish, once, and nothing is lost."""

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


def assert_whole(desk, chunks: int) -> None:
    """Each chunk once, each with one vector and its keywords, nothing left in the queue."""
    assert desk.value("SELECT count(*) FROM chunks") == chunks
    assert desk.value("SELECT count(DISTINCT (version_id, ordinal)) FROM chunks") == chunks
    assert desk.value("SELECT count(*) FROM embeddings") == chunks
    assert desk.value("SELECT count(DISTINCT chunk_id) FROM postings") == chunks
    assert desk.value("SELECT count(*) FROM embedding_queue") == 0
    assert desk.value("SELECT count(*) FROM document_versions") == desk.value("SELECT count(*) FROM documents")


def test_ingest_worker_killed_while_embedding(desk, tmp_path):
    file = tmp_path / "book.md"
    file.write_text(long_document(120))
    worker = desk.start_worker("ingest", REFDESK_EMBED_CLAIM_SIZE="16")
    assert desk.refdesk("ingest", str(file), "--no-wait").returncode == 0
    desk.wait_until(lambda: desk.value("SELECT count(*) FROM embeddings") >= 16, "embedding begun")
    desk.kill(worker)
    assert desk.value("SELECT state FROM jobs") == "running"
    left = desk.value("SELECT count(*) FROM embedding_queue")
    assert left > 0
    desk.start_worker("ingest")
    desk.wait_for_state(1, "succeeded")
    assert_whole(desk, 120)


def test_ingest_worker_killed_while_parsing__job_runs_again(desk, tmp_path):
    file = tmp_path / "note.txt"
    file.write_text("A short note about copper lanterns.")
    desk.refdesk("ingest", str(file), "--no-wait")
    # As a worker leaves it that took the job and died: running, the lease about to end.
    desk.value(
        "UPDATE jobs SET state = 'running', attempt = 1, lease_owner = 'gone', lease_token = gen_random_uuid(),"
        " lease_expires = now() RETURNING id"
    )
    desk.start_worker("ingest")
    desk.wait_for_state(1, "succeeded")
    assert desk.value("SELECT attempt FROM jobs") == 2
    assert_whole(desk, 1)


@pytest.fixture
def slow_model():
    """A chat endpoint that takes a question and answers only when told to; then it refuses."""
    asked, release = threading.Event(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            asked.set()
            release.wait(60)
            self.send_response(401)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1", asked, release
    release.set()
    server.shutdown()
    server.server_close()


def test_query_worker_killed_while_answering(desk, tmp_path, slow_model):
    url, asked, release = slow_model
    file = tmp_path / "note.txt"
    file.write_text("The copper lantern hangs in the north hall and is lit at dusk.")
    desk.start_worker("ingest")
    assert desk.refdesk("ingest", str(file)).returncode == 0
    model = {"REFDESK_LLM_BASE_URL": url, "REFDESK_LLM_MODEL": "slow"}
    worker = desk.start_worker("query", **model)
    options = {"recall": "hybrid", "top_n": 50, "top_k": 3, "reranker": "none"}
    job = desk.submit("ask", {"question": "Where does the copper lantern hang?", "options": options})
    assert asked.wait(60), desk.tail()
    desk.kill(worker)
    release.set()
    desk.start_worker("query", **model)
    desk.wait_for_state(job, "succeeded")
    assert desk.value(f"SELECT attempt FROM jobs WHERE id = {job}") == 2
    assert desk.value("SELECT count(*) FROM queries") == 1
    assert "north hall" in desk.value("SELECT answer FROM queries")


def test_redis_flushed_with_jobs_queued(desk, redis_url, tmp_path):
    folder = tmp_path / "notes"
    folder.mkdir()
    for n in range(8):
        (folder / f"{n}.txt").write_text(f"Note {n} is about {WORDS[n]}.")
    assert desk.refdesk("ingest", str(folder), "--no-wait").returncode == 0
    with redis.Redis.from_url(to_client_url(redis_url)) as client:
        assert client.dbsize() > 0
        client.flushall()
    desk.start_worker("ingest")
    desk.wait_until(lambda: desk.value("SELECT count(*) FROM jobs WHERE state <> 'succeeded'") == 0, "all done")
    assert_whole(desk, 8)


def test_same_message_twice__changes_nothing(desk, tmp_path, redis_url):
    from tasks.submit import Submitter

    file = tmp_path / "note.txt"
    file.write_text("Only once.")
    desk.refdesk("ingest", str(file), "--no-wait")
    submitter = Submitter(desk.database, redis_url, expires_s=60)
    assert submitter.publish([(1, "ingest"), (1, "ingest"), (1, "ingest")])
    desk.start_worker("ingest")
    desk.wait_for_state(1, "succeeded")
    desk.wait_until(lambda: desk.value("SELECT last_task_at IS NOT NULL FROM workers") is True, "messages taken")
    assert desk.value("SELECT attempt FROM jobs") == 1
    assert_whole(desk, 1)


def test_worker_told_to_stop__hands_its_job_back_and_leaves(desk):
    worker = desk.start_worker("ingest")
    worker.send_signal(signal.SIGTERM)
    worker.wait(30)
    assert desk.value("SELECT count(*) FROM workers") == 0


def test_worker_whose_child_cannot_start__ends_with_the_reason(desk):
    ended = desk.refdesk("worker", "query", REFDESK_LLM_BASE_URL="http://127.0.0.1:9/v1", REFDESK_LLM_MODEL="")
    assert ended.returncode == 1
    assert "Set it to a model that the server offers" in ended.stderr.decode().strip().splitlines()[-1]
    assert desk.value("SELECT count(*) FROM workers") == 0
