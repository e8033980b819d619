"""Measure one contender in its own process: ingest passages, then recall questions; read JSON, print JSON.

A contender is a class with the methods of `Contender`. Only the standard library is imported here, because the process
may run in the environment of another library.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Protocol

MARKER = "@@RESULT "
"""Start of the output line with the result; libraries print other lines."""


class Contender(Protocol):
    """A store of passages; the drivers of `../shared/peers` have the same methods."""

    def __init__(self, dsn: str, model: str, table: str) -> None:
        """Connect and load the model; not timed."""

    def setup(self) -> None:
        """Create an empty store; not timed."""

    def warm(self, texts: list[str]) -> None:
        """Run the encoder once; not timed."""

    def ingest(self, chunks: list[dict[str, str]]) -> None:
        """Embed and store all chunks (`id`, `text`), and return when all of them can be recalled."""

    def recall(self, query: str, k: int) -> list[str]:
        """Return the IDs of the k nearest chunks, best first, after fetching their texts."""

    def close(self) -> None:
        """Remove what `setup` created."""


def run(task: dict[str, Any]) -> dict[str, Any]:
    """Measure a contender.

    Returns:
        Seconds of ingestion, milliseconds of each question, IDs of each question, and peak memory in MB.
    """
    module, _, name = task["target"].partition(":")
    contender: Contender = getattr(importlib.import_module(module), name)(task["dsn"], task["model"], task["table"])
    try:
        contender.setup()
        contender.warm([chunk["text"] for chunk in task["chunks"][:32]])
        started = time.perf_counter()
        contender.ingest(task["chunks"])
        ingest_s = time.perf_counter() - started
        for question in task["warm_questions"]:
            contender.recall(question, task["k"])
        times_ms, ids = [], []
        for question in task["questions"]:
            started = time.perf_counter()
            ids.append(list(contender.recall(question, task["k"])))
            times_ms.append((time.perf_counter() - started) * 1000)
    finally:
        contender.close()
    return {"ingest_s": ingest_s, "recall_ms": times_ms, "ids": ids, "rss_mb": read_peak_mb()}


def read_peak_mb() -> float:
    """Return the peak memory of this process in MB; unlike `ru_maxrss`, it does not count the process before exec."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def main() -> None:
    """Read a task from standard input and print its result."""
    task = json.load(sys.stdin)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    sys.path[:0] = task["path"]
    print("\n" + MARKER + json.dumps(run(task)))


if __name__ == "__main__":
    main()
