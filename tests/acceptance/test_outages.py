"""Servers and processes that end while Refdesk runs: everything comes back without a command."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
import pytest
import redis

from config.redis_urls import to_client_url
from embedded.process import find_servers
from embedded.programs import REDIS_PROGRAMS
from embedded.servers import EmbeddedServers
from tests.acceptance.test_survival import assert_complete, long_document
from tests.required_libraries import require_library

TIMEOUT_S = 60
RECOVERY_S = 30


def wait_until(condition: Callable[[], object], what: str, timeout_s: float = TIMEOUT_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def start_up(home: Path, tmp_path: Path) -> subprocess.Popen[bytes]:
    """Start `refdesk up` with embedded servers."""
    names = ("REFDESK_", "DATABASE_URL", "REDIS_URL")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(names)}
    environment |= {
        "REFDESK_HOME": str(home),
        "REFDESK_EMBEDDING_MODEL": "all-MiniLM-L6-v2",
        "REFDESK_SWEEP_S": "1",
        "HF_HUB_OFFLINE": "1",
        "HOME": str(tmp_path),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "cli.main", "up"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def kill_servers(folder: Path, program: str | tuple[str, ...]) -> set[psutil.Process]:
    found = find_servers(folder, program)
    for server in found:
        with suppress(psutil.NoSuchProcess):  # PostgreSQL's processes end with their parent
            server.kill()
    return set(found)


def has_new_server(folder: Path, program: str | tuple[str, ...], killed: set[psutil.Process]) -> bool:
    running = set(find_servers(folder, program))
    return bool(running) and not running & killed


def count_workers(up: subprocess.Popen[bytes]) -> int:
    return sum("worker" in child.cmdline() for child in psutil.Process(up.pid).children())


@pytest.fixture
def up(home: Path, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `refdesk up` with embedded servers until the end of the test."""
    require_library("sentence_transformers", "needs the worker extra")
    process = start_up(home, tmp_path)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if b"refdesk is up" in line:
                break
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=TIMEOUT_S)


def test_up__restarts_its_servers_after_they_were_killed(up, home):
    for name, program in (("postgres", "postgres"), ("redis", REDIS_PROGRAMS)):
        killed = kill_servers(home / name, program)
        wait_until(partial(has_new_server, home / name, program, killed), f"{name} restarted", RECOVERY_S)
    assert up.poll() is None
    # The workers reconnect: a command that starts no worker gets an answer.
    asked = subprocess.run(
        [sys.executable, "-m", "cli.main", "ask", "Where is the lantern?", "--json"],
        env=psutil.Process(up.pid).environ(),
        capture_output=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    assert asked.returncode == 0, asked.stderr.decode()
    assert b"starting" not in asked.stderr


def test_up__continues_its_start_after_its_servers_were_killed(home, tmp_path):
    """The workers load their models for seconds, and at the first start for minutes."""
    require_library("sentence_transformers", "needs the worker extra")
    process = start_up(home, tmp_path)
    try:
        wait_until(partial(find_servers, home / "postgres", "postgres"), "PostgreSQL started")
        wait_until(lambda: count_workers(process) == 2, "workers started")
        for name, program in (("redis", REDIS_PROGRAMS), ("postgres", "postgres")):
            kill_servers(home / name, program)
        assert process.stdout is not None
        output = b""
        for line in process.stdout:
            output += line
            if b"refdesk is up" in line:
                break
        assert b"refdesk is up" in output, output.decode()
    finally:
        process.terminate()
        process.communicate(timeout=TIMEOUT_S)


def test_child_of_an_ingest_worker_is_killed__its_document_does_not_wait_for_the_lease(installation, tmp_path):
    file = tmp_path / "book.md"
    file.write_text(long_document(120))
    worker = installation.start_worker("ingest", REFDESK_EMBED_CLAIM_SIZE="16", REFDESK_LEASE_S="600")
    assert installation.refdesk("ingest", str(file), "--no-wait").returncode == 0
    installation.wait_until(lambda: installation.value("SELECT count(*) FROM embeddings") >= 16, "first embeddings")
    for child in psutil.Process(worker.pid).children():
        child.kill()
    wait_until(lambda: installation.value("SELECT state FROM jobs") == "succeeded", "document added", RECOVERY_S)
    assert_complete(installation, 120)
    assert worker.poll() is None


def test_workers_stop_while_redis_does_not_respond(installation, home):
    with EmbeddedServers(home, with_postgres=False) as urls:
        workers = installation.start_workers("query", "ingest", REDIS_URL=urls.redis_url)
        servers = find_servers(home / "redis", REDIS_PROGRAMS)
        for server in servers:
            server.suspend()
        for worker in workers:
            worker.terminate()
        try:
            assert [worker.wait(RECOVERY_S) for worker in workers] == [0, 0]
        finally:
            for server in servers:
                server.kill()


def test_worker_that_an_error_ends__exits_with_a_failure(installation, redis_url):
    worker = installation.start_worker("query")
    with redis.Redis.from_url(to_client_url(redis_url)) as client:
        client.lpush("refdesk:query", b"not a message")
    assert worker.wait(RECOVERY_S) == 1
    assert "its log contains the reason" in installation.log_tail().splitlines()[-1]
