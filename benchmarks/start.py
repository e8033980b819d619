"""Measure the first answer on a machine where nothing runs, and the memory of the processes."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import psutil

from benchmarks.contenders import ROOT
from benchmarks.product import ingest_path, open_product
from benchmarks.results import BenchmarkResult, Measurement, Options
from cli.ask import submit_and_wait
from cli.context import CommandContext
from cli.temporary_workers import running_workers
from pipeline.types import AnswerOptions
from tasks.roles import Role

LIBRARY = ROOT / "docs" / "handbook"
WORKSPACE = "local"
"""The workspace of the command line."""
QUESTION = "How do I run Refdesk without a language model?"


def run_benchmark(options: Options) -> BenchmarkResult:
    """Fill a library, measure the memory of its workers, stop everything, and ask."""
    rounds = options.pick_rounds(3)
    with tempfile.TemporaryDirectory(prefix="refdesk-bench-") as folder:
        home = Path(folder) / "home"
        with open_product(home) as context:
            ingest_path(context, context.workspace(WORKSPACE), LIBRARY)
            context.workers.ensure(("query",))
            submit_and_wait(context, WORKSPACE, QUESTION, asdict(AnswerOptions()), [])
            memory = {role: measure_worker_mb(context, role) for role in ("query", "ingest")}
        seconds = [run_refdesk(home, "ask", QUESTION) for _ in range(rounds)]
        imports = [run_refdesk(home, "--help") for _ in range(rounds)]
    print(f"ask {seconds}, help {imports}, memory {memory}")
    return BenchmarkResult(
        part="start",
        conditions="The handbook as library; the model was exported before.",
        measurements=(
            Measurement("`refdesk ask` where nothing runs", statistics.median(seconds), "s", at_most=3),
            Measurement("`refdesk --help`", statistics.median(imports), "s"),
            *(Measurement(f"memory of the {role} worker", mb, "MB", at_most=450) for role, mb in memory.items()),
        ),
    )


def run_refdesk(home: Path, *arguments: str) -> float:
    """Run a command with its servers and workers, which it starts and stops, and return its seconds."""
    started = time.perf_counter()
    environment = os.environ | {"REFDESK_HOME": str(home)}
    subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments], cwd=ROOT, env=environment, check=True, capture_output=True
    )
    return time.perf_counter() - started


def measure_worker_mb(context: CommandContext, role: Role) -> float:
    """Return the memory of a worker and its child processes in MB; memory that they share counts once."""
    (worker,) = running_workers(context.database, role)
    root = psutil.Process(worker.pid)
    return sum(process.memory_full_info().pss for process in [root, *root.children(recursive=True)]) / 1e6
