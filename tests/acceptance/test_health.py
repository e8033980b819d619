"""Metrics and health checks of workers and `refdesk up`."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import psutil

from embedded.process import find_servers
from embedded.programs import REDIS_PROGRAMS
from embedded.servers import EmbeddedServers

TIMEOUT_S = 60


def find_port() -> int:
    """Return a free port that is followed by three free ones."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first:
            port = int(first.getsockname()[1])
        try:
            for offset in range(4):
                socket.create_server(("127.0.0.1", port + offset)).close()
        except OSError:
            continue
        return port


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=TIMEOUT_S) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except urllib.error.URLError as error:
        return 0, str(error)


def wait_for(port: int, path: str, status: int) -> str:
    deadline = time.monotonic() + TIMEOUT_S
    while (found := get(port, path))[0] != status:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found[1]


def test_workers__ready_only_while_redis_responds(installation, home):
    port = find_port()
    with EmbeddedServers(home, with_postgres=False) as urls:
        workers = installation.start_workers(
            "query", "ingest", REDIS_URL=urls.redis_url, REFDESK_METRICS_PORT=str(port)
        )
        for offset, role in ((1, "query"), (2, "ingest")):
            assert get(port + offset, "/live") == (200, "live\n")
            assert get(port + offset, "/ready") == (200, "ready\n")
            values = get(port + offset, "/metrics")[1]
            assert f'refdesk_process{{kind="{role}"}} 1.0' in values
            assert "refdesk_models_loaded 1.0" in values
            assert "refdesk_messages_received_total 0.0" in values
        for server in find_servers(home / "redis", REDIS_PROGRAMS):
            server.kill()
        for offset in (1, 2):
            assert wait_for(port + offset, "/ready", 503).startswith("Redis is unreachable")
            assert get(port + offset, "/live") == (200, "live\n")
        with EmbeddedServers(home, with_postgres=False) as again:
            assert again.redis_url == urls.redis_url
            for offset in (1, 2):
                wait_for(port + offset, "/ready", 200)
            assert [installation.stop(worker) for worker in workers] == [0, 0]
    assert get(port + 1, "/live")[0] == 0


def test_second_worker_on_the_same_port__exits_with_the_fix(installation):
    port = find_port()
    installation.start_worker("query", REFDESK_METRICS_PORT=str(port))
    second = installation.refdesk("worker", "query", REFDESK_METRICS_PORT=str(port))
    assert second.returncode == 1
    message = f"Metrics cannot be served on 127.0.0.1:{port + 1}: Address already in use. Set REFDESK_METRICS_PORT"
    assert message in " ".join(second.stderr.decode().split())


def test_ingest_worker__not_ready_while_its_child_loads_the_models__and_frees_its_port_when_killed(installation):
    port = find_port()
    worker = installation.start_worker("ingest", REFDESK_METRICS_PORT=str(port))
    children = psutil.Process(worker.pid).children()
    for child in children:
        child.kill()
    assert wait_for(port + 2, "/ready", 503) == "The models are not loaded yet.\n"
    wait_for(port + 2, "/ready", 200)
    [child] = psutil.Process(worker.pid).children()
    child.suspend()  # so that it cannot end with its parent
    try:
        worker.kill()
        worker.wait()
        socket.create_server(("127.0.0.1", port + 2)).close()
    finally:
        child.kill()


def test_metrics_command__figures_of_the_store(library):
    port = find_port()
    with subprocess.Popen(
        [sys.executable, "-m", "cli.main", "metrics", "--port", str(port)],
        env=library.environment,
        stdout=subprocess.PIPE,
    ) as process:
        try:
            assert process.stdout is not None
            assert b"/metrics; stop with Ctrl-C" in process.stdout.readline()
            assert 'refdesk_jobs{queue="ingest",state="succeeded"} 3.0' in get(port, "/metrics")[1]
            assert get(port, "/ready") == (200, "ready\n")
        finally:
            process.terminate()
        assert process.wait(TIMEOUT_S) == 0


def test_bot__ready_while_it_is_connected(installation, discord):
    port = find_port()
    discord.add_guild("Reading club")
    process = installation.start_bot(discord, REFDESK_METRICS_PORT=str(port))
    wait_for(port + 3, "/ready", 200)
    assert get(port + 3, "/live") == (200, "live\n")
    values = get(port + 3, "/metrics")[1]
    assert "refdesk_discord_connected 1.0" in values
    assert "refdesk_discord_servers 1.0" in values
    assert "Reading club" not in values
    assert installation.stop(process) == 0
