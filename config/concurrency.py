"""How many questions a query worker answers at once: the setting, limited by memory and database connections."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psutil

from config.settings import Settings
from db import workers
from db.engine import Database

MEMORY_PER_QUESTION_MB = 40
"""Megabytes that one more question needs: its passages with their token vectors, and its database connection."""
OTHER_CONNECTIONS = 10
"""Database connections left for heartbeats, the bot and commands."""
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class QueryConcurrency:
    """The number of questions that are answered at once."""

    questions: int
    reason: str
    """Why it is less than the setting; empty if it is not."""


def describe_concurrency(settings: Settings, database_url: str) -> QueryConcurrency:
    """Return how many questions a query worker would answer at once now; called after its models are loaded."""
    database = Database(database_url)
    try:
        with database.system() as session:
            free_connections = workers.count_free_connections(session)
    finally:
        database.close()
    return limit_concurrency(settings, free_connections=free_connections, free_mb=measure_free_memory_mb())


def limit_concurrency(settings: Settings, *, free_connections: int, free_mb: float) -> QueryConcurrency:
    """Return how many questions fit into the free memory and database connections, at least 1.

    Args:
        settings: Names the wanted number.
        free_connections: Connections that PostgreSQL still accepts.
        free_mb: Megabytes of memory that are available once the models are loaded.
    """
    wanted = settings.jobs.query_concurrency
    by_memory = int(free_mb // MEMORY_PER_QUESTION_MB)
    by_connections = free_connections - OTHER_CONNECTIONS
    questions = max(1, min(wanted, by_memory, by_connections))
    if questions == wanted:
        return QueryConcurrency(questions, "")
    if by_memory <= by_connections:
        reason = f"{free_mb:,.0f} MB of memory are available and each question needs {MEMORY_PER_QUESTION_MB} MB"
    else:
        reason = (
            f"PostgreSQL accepts {free_connections} more connections, of which {OTHER_CONNECTIONS} are left to other"
            " programs; raise max_connections"
        )
    return QueryConcurrency(questions, reason)


def measure_free_memory_mb(cgroup: Path = _CGROUP) -> float:
    """Return the megabytes of memory that this process can still use: of the machine, or of its container if less."""
    free = float(psutil.virtual_memory().available)
    try:
        limit = int((cgroup / "memory.max").read_text(encoding="ascii"))
        used = int((cgroup / "memory.current").read_text(encoding="ascii"))
        # The file cache counts as used but is dropped when memory is needed.
        stat = dict(line.split() for line in (cgroup / "memory.stat").read_text(encoding="ascii").splitlines())
        free = min(free, limit - used + int(stat.get("inactive_file", 0)))
    except (OSError, ValueError):  # no container, or no limit ("max")
        pass
    return free / 1e6
