"""Celery's own command line and events: workers, inspect, and what Flower receives."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import Self

import pytest

TIMEOUT_S = 120


def celery(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "celery", "-A", "tasks.app", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )


def start_celery_worker(installation, *options):
    with (installation.logs / f"celery-{len(installation.processes)}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "tasks.app", "worker", *options],
            env=installation.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    installation.processes.append(process)
    return process


def count_workers(installation):
    return installation.value("SELECT count(*) FROM workers")


class Events:
    """Collects Celery's events, as Flower does, while the `with` block runs."""

    def __init__(self, broker_url: str) -> None:
        from celery import Celery

        self.types: list[str] = []
        app = Celery(broker=broker_url)
        app.conf.broker_transport_options = {"global_keyprefix": "refdesk:"}
        self._connection = app.connection_for_read()
        handlers = {"*": lambda event: self.types.append(event["type"])}
        self._receiver = app.events.Receiver(self._connection, handlers=handlers)
        self._thread = threading.Thread(target=self._receive, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._receiver.should_stop = True
        self._thread.join()

    def _receive(self) -> None:
        with self._connection:
            self._receiver.capture(limit=None, timeout=TIMEOUT_S, wakeup=False)


def test_workers_of_celerys_command_line__do_jobs_answer_inspect_and_send_events(library):
    processes = [
        start_celery_worker(library, "-Q", "ingest"),
        start_celery_worker(library, "-Q", "query", "-n", "answers@%h"),
    ]
    library.wait_until(lambda: count_workers(library) == 2, "both workers ready")
    with Events(library.environment["REDIS_URL"]) as events:
        pong = celery("inspect", "ping", environment=library.environment)
        assert pong.stdout.count("pong") == 2, pong.stderr
        assert "answers@" in pong.stdout
        registered = celery("inspect", "registered", environment=library.environment)
        assert registered.stdout.count("refdesk.answer") == 2
        library.wait_until(lambda: "worker-heartbeat" in events.types, "an event")
        job = library.submit("ask", {"question": "Where is the lantern?", "options": {"reranker": "none"}})
        library.wait_for_state(job, "succeeded")
        library.wait_until(lambda: "task-succeeded" in events.types, "the event of the task")
    assert [library.stop(process) for process in processes] == [0, 0]
    assert count_workers(library) == 0


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (("inspect", "ping"), {"REDIS_URL": ""}, "Celery's command line needs DATABASE_URL and REDIS_URL"),
        (("worker",), {}, "A worker consumes one queue: add `-Q ingest` (documents) or `-Q query` (questions)."),
        (("worker", "-Q", "ingest,query"), {}, "A worker consumes one queue"),
        (("worker", "-Q", "query"), {"DATABASE_URL": ""}, "needs DATABASE_URL"),
        (("worker", "-Q", "query"), {"DATABASE_URL": "postgresql://u:secret-word@127.0.0.1:1/x"}, "unreachable"),
        (("inspect", "ping"), {"REDIS_URL": "redis://127.0.0.1:1/0", "REFDESK_LEASE_S": "x"}, "LEASE_S"),
    ],
)
def test_mistakes__one_line_that_names_the_fix(tmp_path, arguments, environment, message):
    servers = {"DATABASE_URL": "postgresql://127.0.0.1:1/x", "REDIS_URL": "redis://127.0.0.1:1/0"}
    done = celery(*arguments, environment=dict(os.environ) | servers | environment)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret-word" not in done.stderr


def test_refdesk_worker__seen_by_celery_only_with_the_setting(library):
    hidden = library.start_worker("query")
    seen = library.start_worker("query", REFDESK_CELERY_MONITORING="true")
    pong = celery("inspect", "ping", environment=library.environment)
    assert pong.stdout.count("pong") == 1
    assert [library.stop(worker) for worker in (hidden, seen)] == [0, 0]


def test_exec__runs_a_program_with_the_urls_of_the_servers(library):
    script = "import os; print(os.environ['REDIS_URL'], os.environ['DATABASE_URL']); raise SystemExit(7)"
    done = library.refdesk("exec", "python", "-c", script)
    assert done.returncode == 7
    assert done.stdout.decode().split() == [library.environment[name] for name in ("REDIS_URL", "DATABASE_URL")]
    missing = library.refdesk("exec", "no-such-program")
    assert missing.returncode == 1
    assert "The program no-such-program was not found on the PATH." in " ".join(missing.stderr.decode().split())
