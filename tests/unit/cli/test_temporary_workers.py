"""Temporary workers: spawned before the servers run, stopped whatever happens, URLs only on standard input."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import psutil
import pytest

from cli.context import open_context
from cli.temporary_workers import (
    TemporaryWorkers,
    last_line,
    log_path,
    open_log,
    send_urls,
    spawn_worker,
    stop_workers,
    wait_ready,
)
from config.setting_groups import ServerSettings
from config.settings import Settings
from db.engine import Database
from embedded.servers import ServerUrls
from pipeline.errors import SetupError

ROOT = Path(__file__).parents[3]
URLS = ServerUrls("postgresql://user:hidden-word@127.0.0.1:1/nothing", "redis://:hidden-word@127.0.0.1:1/0")
"""Servers that are not running."""
TIMEOUT_S = 60


@pytest.fixture
def settings(tmp_path, monkeypatch) -> Settings:
    """Settings of an empty home folder with embedded servers, also for the started processes."""
    for name in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REFDESK_HOME", str(tmp_path))
    monkeypatch.chdir(ROOT)
    return Settings(_env_file=None, servers=ServerSettings(home=tmp_path))


@pytest.fixture
def start_instead(tmp_path, monkeypatch) -> Callable[[str], None]:
    """Replace the program of a worker by a shell script."""

    def replace(script: str) -> None:
        program = tmp_path / "program"
        program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(program))

    return replace


def wait_for_file(path: Path) -> str:
    """Wait until a file has a line and return it."""
    deadline = time.monotonic() + TIMEOUT_S
    while not (path.exists() and path.read_text(encoding="utf-8").endswith("\n")):
        assert time.monotonic() < deadline, path
        time.sleep(0.01)
    return path.read_text(encoding="utf-8")


def wait_for_exit(process: psutil.Process) -> None:
    """Wait until a child process has ended; its status stays available to the code under test."""
    deadline = time.monotonic() + TIMEOUT_S
    while process.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, process
        time.sleep(0.01)


def test_spawn__worker_that_exits_early_is_reported_with_its_last_line(settings, start_instead):
    start_instead("echo 'first line'; echo 'The model cannot be read.'; exit 1")
    log = log_path(settings, "query")
    workers = TemporaryWorkers(settings)
    workers.spawn(("query",))
    wait_for_exit(*psutil.Process().children())
    workers.connect(URLS, Database(URLS.database_url))  # its end of the pipe is closed
    with pytest.raises(SetupError) as raised:
        workers.ensure(("query",))
    assert str(raised.value) == f"The query worker exited during startup: The model cannot be read. (log: {log})"
    workers.stop()


def test_spawn__worker_without_output_is_not_reported_with_a_line_of_an_earlier_one(settings, start_instead):
    start_instead("kill -9 $$")
    log = log_path(settings, "query")
    log.parent.mkdir()
    log.write_text("worker ready\n", encoding="utf-8")
    workers = TemporaryWorkers(settings)
    workers.spawn(("query",))
    wait_for_exit(*psutil.Process().children())
    workers.connect(URLS, Database(URLS.database_url))
    with pytest.raises(SetupError) as raised:
        workers.ensure(("query",))
    assert str(raised.value) == f"The query worker exited during startup: killed by signal 9 (log: {log})"
    workers.stop()


def test_log__above_10_mb_is_kept_once_and_only_its_end_is_read(settings):
    log = log_path(settings, "query")
    for size in (9_000_000, 11_000_000):
        with open_log(settings, "query") as file:
            file.truncate(size)
        assert last_line(log).strip("\0") == ""
    with open_log(settings, "query") as file:
        file.write(b"worker ready\n")
    assert log.read_bytes() == b"worker ready\n"
    assert log.with_suffix(".log.1").stat().st_size == 11_000_000
    assert len(last_line(log.with_suffix(".log.1"))) <= 10_000


@pytest.mark.parametrize("failure", [SetupError("The embedded Redis did not start."), KeyboardInterrupt()])
def test_context__spawned_worker_is_stopped_if_the_servers_do_not_start(
    settings, start_instead, tmp_path, monkeypatch, failure
):
    pid = tmp_path / "pid"
    start_instead(f"echo $$ >{pid}; exec sleep 600")  # does not read its standard input

    def fail_to_start(_settings: Settings) -> NoReturn:
        wait_for_file(pid)
        raise failure

    monkeypatch.setattr("cli.context.open_servers", fail_to_start)
    with pytest.raises(type(failure)), open_context(settings, roles=("query",)):
        pytest.fail("the servers have not started")
    assert not psutil.pid_exists(int(wait_for_file(pid)))


def test_context__worker_is_not_spawned_before_servers_that_may_have_one(settings, monkeypatch):
    settings = settings.model_copy(
        update={"servers": ServerSettings(home=settings.servers.home, database_url=URLS.database_url)}
    )

    def fail_to_start(_settings: Settings) -> NoReturn:
        raise SetupError("The embedded Redis did not start.")

    monkeypatch.setattr("cli.context.open_servers", fail_to_start)
    with pytest.raises(SetupError), open_context(settings, roles=("query",)):
        pytest.fail("the servers have not started")
    assert not log_path(settings, "query").exists()


def test_worker__urls_travel_on_standard_input_only(settings, start_instead, tmp_path):
    received, public = tmp_path / "received", tmp_path / "public"
    start_instead(f'read -r line; {{ echo "$@"; env; }} >{public}; echo "$line" >{received}')
    process = spawn_worker(settings, "query")
    send_urls(process, URLS)
    assert json.loads(wait_for_file(received)) == {
        "database_url": URLS.database_url,
        "redis_url": URLS.redis_url,
    }
    assert "worker query" in public.read_text(encoding="utf-8")
    assert "hidden-word" not in public.read_text(encoding="utf-8")
    stop_workers([process])


def test_worker__password_of_unreachable_servers_is_not_shown(settings):
    process, log = spawn_worker(settings, "query"), log_path(settings, "query")
    shown = psutil.Process(process.pid)
    assert "hidden-word" not in f"{shown.cmdline()} {shown.environ()}"
    send_urls(process, URLS)
    process.wait(TIMEOUT_S)
    with pytest.raises(SetupError, match=r"The query worker exited during startup: .*127\.0\.0\.1") as raised:
        wait_ready(Database(URLS.database_url), "query", process, log)
    assert "hidden-word" not in log.read_text(encoding="utf-8") + str(raised.value)
    stop_workers([process])


def test_worker__ends_without_servers_if_the_command_ended_before(settings):
    process = spawn_worker(settings, "query")
    assert process.stdin
    process.stdin.close()  # as the kernel does when a command is killed
    assert process.wait(TIMEOUT_S) == 0
    assert log_path(settings, "query").read_text(encoding="utf-8") == ""
    assert not (settings.servers.home / "run").exists()


def test_worker__stops_if_the_command_ended_after_it_sent_the_urls():
    code = "import time, tasks.startup; tasks.startup._stop_with_parent(); time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, cwd=ROOT, start_new_session=True)
    assert process.stdin
    process.stdin.close()
    assert process.wait(TIMEOUT_S) == -15
