"""Waiting for jobs: a result is known when it is notified, and not only at the next poll."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import Any

from cli import waiting
from db import jobs


def test_a_short_job__its_result_is_known_at_once(library, monkeypatch):
    monkeypatch.setattr(waiting, "MAX_POLL_S", 30.0)
    context: Any = SimpleNamespace(database=library.database)
    number = library.submit()
    seen: list[str] = []
    first_look = threading.Event()

    def finish() -> None:
        first_look.wait(10)
        lease = library.claim(number)
        with library.database.system() as session:
            jobs.succeed(session, lease, {})

    worker = threading.Thread(target=finish)
    worker.start()
    read = waiting._read_jobs

    def read_jobs(*args: Any) -> Any:
        found = read(*args)
        first_look.set()
        return found

    monkeypatch.setattr(waiting, "_read_jobs", read_jobs)
    started = time.monotonic()
    waiting.wait_for(context, library.workspace, [number], "query", lambda ended: seen.extend(j.state for j in ended))
    worker.join()
    assert seen[-1] == "succeeded"
    assert time.monotonic() - started < 15
