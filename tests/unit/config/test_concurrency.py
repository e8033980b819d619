"""How many questions a query worker answers at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.concurrency import limit_concurrency, measure_free_memory_mb
from config.job_setting_groups import JobSettings
from config.settings import Settings


def limit(*, wanted: int = 16, connections: int = 90, memory_mb: float = 8000) -> tuple[int, str]:
    settings = Settings(_env_file=None, jobs=JobSettings(query_concurrency=wanted))
    allowed = limit_concurrency(settings, free_connections=connections, free_mb=memory_mb)
    return allowed.questions, allowed.reason


def test_enough_of_everything__the_setting_without_a_reason() -> None:
    assert limit() == (16, "")
    assert limit(wanted=40) == (40, "")


def test_too_little_memory__fewer_questions_and_the_reason() -> None:
    questions, reason = limit(memory_mb=205)
    assert questions == 5
    assert reason.startswith("205 MB of memory are available and each question needs 40 MB")


def test_too_few_connections__fewer_questions_and_the_setting_of_postgresql() -> None:
    questions, reason = limit(connections=14)
    assert questions == 4
    assert "14 more connections" in reason
    assert "max_connections" in reason


@pytest.mark.parametrize(("connections", "memory_mb"), [(0, 8000), (-3, 8000), (90, 0)])
def test_no_room_at_all__still_one_question(connections: int, memory_mb: float) -> None:
    assert limit(connections=connections, memory_mb=memory_mb)[0] == 1


def test_memory_of_a_container_limits_it(tmp_path: Path) -> None:
    machine = measure_free_memory_mb(tmp_path)
    (tmp_path / "memory.max").write_text("300000000\n")
    (tmp_path / "memory.current").write_text("250000000\n")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 40000000\n")
    assert measure_free_memory_mb(tmp_path) == 90
    (tmp_path / "memory.max").write_text("max\n")
    assert measure_free_memory_mb(tmp_path) == pytest.approx(machine, rel=0.5)
