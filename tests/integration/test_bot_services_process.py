"""The bot process: its row among the workers, and the threads that its services run on."""

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

    run(services.process.beat())
    run(services.process.beat())
    assert rows() == ["bot"]
    run(services.process.leave())
    assert rows() == []


def test_services__never_blocks_the_event_loop(services, target):
    async def live() -> set[str]:
        names: set[str] = set()
        original = services.questions._ask

        def noted(*args: Any) -> int:
            names.add(threading.current_thread().name)
            return int(original(*args))

        services.questions._ask = noted
        await asyncio.gather(*(services.questions.ask(ANNA, QuestionRequest("Why?"), target()) for _ in range(5)))
        return names

    assert all(name.startswith("services") for name in asyncio.run(live()))
