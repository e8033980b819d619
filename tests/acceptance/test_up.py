"""`refdesk up` from its start on an empty folder to its end: serves, replaces what is killed, leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

PATIENCE_S = 120


@pytest.fixture
def settings(home: Path, tmp_path: Path) -> dict[str, str]:
    pytest.importorskip("sentence_transformers", reason="needs the worker extra")
    names = ("REFDESK_", "DATABASE_URL", "REDIS_URL")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(names)}
    return kept | {
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


def document_of(process: subprocess.Popen[bytes]):
    said, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, told.decode()
    return json.loads(said)


def wait_until_up(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert b"refdesk is up" in line, process.communicate()[1].decode()


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a command and nothing else, and close our ends of its pipes."""
    process.kill()
    with process:
        pass


def processes_of(home: Path, word: str = "") -> list[psutil.Process]:
    """Find what runs on a home folder: its workers by their environment, its servers by their folder."""
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
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def test_up__serves_survives_and_leaves_nothing(settings, home, tmp_path):
    note = tmp_path / "note.txt"
    note.write_text("The copper lantern hangs in the north hall. It is lit at dusk by the warden.")
    up = refdesk(settings, "up")
    try:
        wait_until_up(up)
        added = document_of(refdesk(settings, "ingest", str(note), "--json"))
        assert added["documents"][0]["state"] == "succeeded"

        # A worker is killed: another takes its place, and the question is answered.
        (worker,) = [p for p in processes_of(home, "worker query") if p.ppid() == up.pid]
        os.killpg(worker.pid, signal.SIGKILL)
        wait_until(lambda: any(p.ppid() == up.pid for p in processes_of(home, "worker query")), "a new query worker")
        answer = document_of(refdesk(settings, "ask", "Where does the copper lantern hang?", "--json"))
        assert "north hall" in answer["answer"]

        # Everything at once on one home.
        several = [refdesk(settings, "docs", "list", "--json") for _ in range(3)]
        assert [len(document_of(process)["documents"]) for process in several] == [1, 1, 1]

        # The command itself is killed: its workers go within seconds, and nothing is in the way of the next one.
        end(up)
        wait_until(lambda: not processes_of(home, "cli.main worker"), "orphans gone")
        up = refdesk(settings, "up")
        wait_until_up(up)
        again = document_of(refdesk(settings, "ingest", str(note), "--json"))
        assert again["documents"][0]["state"] == "succeeded"
        assert again["documents"][0]["id"] == added["documents"][0]["id"]

        up.terminate()
        said, told = up.communicate(timeout=PATIENCE_S)
        assert up.returncode == 0
        assert said.strip() == b"stopped"
        assert b"Traceback" not in told
        assert processes_of(home) == []
    finally:
        end(up)
        for process in processes_of(home):
            process.kill()
        wait_until(lambda: not processes_of(home), "all gone")


def test_up__worker_that_cannot_start_is_one_sentence_and_all_stops(settings, home):
    up = refdesk(settings | {"REFDESK_EMBEDDING_MODEL": "/nowhere/at/all"}, "up")
    said, told = up.communicate(timeout=PATIENCE_S)
    assert up.returncode == 1
    assert b"/nowhere/at/all" in told
    assert b"Traceback" not in told
    assert said == b""
    assert processes_of(home) == []
