"""The bot process: its row among the workers, and the threads of its services."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from sqlalchemy import text

from bot.services.questions import QuestionRequest
from tests.integration.test_bot_services import ANNA, run, services, target

__all__ = ["services", "target"]


def test_process__has_a_row_while_the_bot_runs(services, library):
    def rows() -> list[str]:
        with library.database.owner() as session:
            return list(session.scalars(text("SELECT role FROM workers")))

    run(services.process.send_heartbeat())
    run(services.process.send_heartbeat())
    assert rows() == ["bot"]
    run(services.process.delete_heartbeat())
    assert rows() == []


def test_services__run_blocking_work_on_threads_only(services, target, monkeypatch):
    threads: set[str] = set()
    submitter = services.questions._submitter
    submit = submitter.submit

    def record_thread(*args: Any, **kwargs: Any) -> list[int]:
        threads.add(threading.current_thread().name)
        return list(submit(*args, **kwargs))

    async def ask_five_times() -> None:
        await asyncio.gather(*(services.questions.ask(ANNA, QuestionRequest("Why?"), target()) for _ in range(5)))

    monkeypatch.setattr(submitter, "submit", record_thread)
    asyncio.run(ask_five_times())
    assert threads
    assert all(name.startswith("services") for name in threads)
