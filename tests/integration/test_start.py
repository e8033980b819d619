"""Commands on a machine where nothing runs: interrupted during the start, and two at once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from embedded.process import find_servers
from embedded.programs import REDIS_PROGRAMS

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 240


@pytest.fixture
def empty_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder, without other servers."""
    for name in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REFDESK_EMBEDDING_MODEL", "all-MiniLM-L6-v2")  # the smaller model, which starts faster
    return home


def start_ask() -> subprocess.Popen[str]:
    """Start `refdesk ask`."""
    return subprocess.Popen(
        [sys.executable, "-m", "cli.main", "ask", "When does the library close?", "--json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )


def find_workers(home: Path) -> list[psutil.Process]:
    """Return the processes of Refdesk that use the home."""
    found = []
    for process in psutil.process_iter():
        try:
            if "cli.main" in process.cmdline() and process.environ().get("REFDESK_HOME") == str(home):
                found.append(process)
        except psutil.Error:
            continue
    return found


def find_all(home: Path) -> list[psutil.Process]:
    """Return all processes of the home, servers included."""
    servers = find_servers(home / "postgres", "postgres") + find_servers(home / "redis", REDIS_PROGRAMS)
    return find_workers(home) + servers


def test_ask__interrupted_while_the_servers_start__leaves_no_process(empty_home: Path) -> None:
    command = start_ask()
    deadline = time.monotonic() + TIMEOUT_S
    while not any("worker" in process.cmdline() for process in psutil.Process(command.pid).children()):
        assert time.monotonic() < deadline, "no worker was spawned"
        time.sleep(0.01)
    assert not (empty_home / "postgres" / "postmaster.pid").exists()
    command.send_signal(signal.SIGINT)
    _, notes = command.communicate(timeout=TIMEOUT_S)
    assert (command.returncode, notes.strip()) == (130, "stopped")
    # A worker whose start was interrupted ends by itself, when it reads the end of its standard input.
    while find_all(empty_home) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert find_all(empty_home) == []


def test_ask__two_commands_at_once__share_one_set_of_servers(empty_home: Path) -> None:
    commands = [start_ask(), start_ask()]
    for command in commands:
        output, notes = command.communicate(timeout=TIMEOUT_S)
        assert command.returncode == 0, notes
        assert json.loads(output)["abstained"]
    assert (empty_home / "log" / "postgres.log").read_text(encoding="utf-8").count("starting PostgreSQL") == 1
    assert (empty_home / "log" / "redis.log").read_text(encoding="utf-8").count("Redis is starting") == 1
    assert find_all(empty_home) == []
