"""Measure commands on a machine where nothing runs, phase by phase, and the memory of each process.

.venv/bin/python -m benchmarks.run --only start
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.results import BenchmarkResult, Measurement, Options, Table
from cli.temporary_workers import start_worker, stop_workers, wait_ready
from config import settings as configuration
from db.engine import Database
from embedded.servers import EmbeddedServers
from pipeline.backends.models.model_files import PACKAGED_MODEL
from tasks.roles import Role

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ROOT / "docs" / "handbook"
QUESTION = "How do I add documents?"
ROLES: tuple[Role, ...] = ("query", "ingest")


@dataclass(frozen=True, slots=True)
class CommandRun:
    """A run of a command; times are seconds after its start."""

    answered: float
    """Time of the first output on stdout."""
    exited: float
    peak_mb: float
    output: str
    notes: str
    """Output on stderr."""

    @property
    def worker_ready(self) -> float:
        """Seconds until the worker was ready, after the imports of the command; 0 if it needed none."""
        _, found, rest = self.notes.partition("ready after ")
        return float(rest.partition(" s")[0]) if found else 0.0


def run_benchmark(options: Options) -> BenchmarkResult:
    """Measure the start of commands and the memory of the processes."""
    rounds = options.pick_rounds(5)
    with temporary_home() as home:
        run_command("ingest", str(DOCUMENTS))  # also exports the model
        asked = [run_command("ask", QUESTION, "--json") for _ in range(rounds)]
        listed = [run_command("docs", "list") for _ in range(rounds)]
        added = [run_command("ingest", str(write_document(home, number))) for number in range(rounds)]
        help_shown = [run_command("--help") for _ in range(rounds)]
        phases = measure_phases(home, asked, rounds)
        memory = measure_memory(home)
    return BenchmarkResult(
        "start",
        f"{rounds} runs of each command with the documents of docs/handbook, medians; memory after 3 questions",
        (
            Measurement("first answer of `refdesk ask`, nothing running", median_answered(asked), "s", at_most=3.0),
            Measurement("`refdesk ask` until it exits", statistics.median(run.exited for run in asked), "s"),
            Measurement("`refdesk ingest` of one document", statistics.median(run.exited for run in added), "s"),
            Measurement("`refdesk docs list`", median_answered(listed), "s"),
            Measurement("`refdesk --help`", median_answered(help_shown), "s"),
            *(
                Measurement(f"memory of the {role} worker", memory[f"{role} worker"][1], "MB", at_most=450)
                for role in ROLES
            ),
        ),
        tables=(
            Table(
                ("phase of `refdesk ask`", "seconds"),
                tuple((name, f"{seconds:.2f}") for name, seconds in phases.items()),
            ),
            Table(
                ("process", "RSS, MB", "PSS, MB"),
                (
                    *((name, f"{rss:.0f}", f"{pss:.0f}") for name, (rss, pss) in memory.items()),
                    ("`refdesk ask`, at its peak", f"{max(run.peak_mb for run in asked):.0f}", ""),
                ),
            ),
        ),
    )


@contextmanager
def temporary_home() -> Iterator[Path]:
    """Point this process and its commands to an empty home folder without other servers."""
    home = Path(tempfile.mkdtemp(prefix="refdesk-bench-", dir="/tmp"))  # sockets need a short path
    for name in ("DATABASE_URL", "REDIS_URL", "PYTHONDONTWRITEBYTECODE"):
        os.environ.pop(name, None)
    os.environ |= {"REFDESK_HOME": str(home), "REFDESK_EMBEDDING_MODEL": PACKAGED_MODEL}
    try:
        yield home
    finally:
        shutil.rmtree(home)


def write_document(home: Path, number: int) -> Path:
    """Write a document that is not in the library yet."""
    path = home / f"note-{number}.md"
    path.write_text(f"# Note {number}\n\nThe library closes at {number + 1} o'clock on holidays.\n", encoding="utf-8")
    return path


def run_command(*arguments: str) -> CommandRun:
    """Run a command and measure it; raise `RuntimeError` if it fails."""
    with tempfile.TemporaryFile("w+") as notes:
        started = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", *arguments],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=notes,
            text=True,
        )
        assert process.stdout is not None
        with process.stdout as stdout:
            output = stdout.read(1)
            answered = time.monotonic() - started
            output += stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        exited = time.monotonic() - started
        notes.seek(0)
        text = notes.read()
    if process.returncode:
        raise RuntimeError(f"refdesk {' '.join(arguments)} failed: {text}")
    kilobytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return CommandRun(answered, exited, kilobytes / 1000, output, text)


def median_answered(runs: list[CommandRun]) -> float:
    """Return the median time of the first output."""
    return statistics.median(run.answered for run in runs)


def measure_phases(home: Path, asked: list[CommandRun], rounds: int) -> dict[str, float]:
    """Return the median seconds of each phase of `refdesk ask`; servers and worker start at the same time."""
    imports, starts, stops = [], [], []
    for _ in range(rounds):
        started = time.monotonic()
        subprocess.run([sys.executable, "-c", "import cli.main, cli.ask"], cwd=ROOT, check=True)
        imports.append(time.monotonic() - started)
        started = time.monotonic()
        with EmbeddedServers(home):
            starts.append(time.monotonic() - started)
            started = time.monotonic()
        stops.append(time.monotonic() - started)
    results: list[dict[str, Any]] = [json.loads(run.output) for run in asked]
    return {
        "interpreter and imports of the command": statistics.median(imports),
        "servers start (while the worker imports)": statistics.median(starts),
        "worker ready, after the imports of the command": statistics.median(run.worker_ready for run in asked),
        "question, in the worker": statistics.median(result["timings_ms"]["total"] / 1000 for result in results),
        "worker and servers stop": statistics.median(run.exited - run.answered for run in asked),
        "of it, servers stop": statistics.median(stops),
    }


def measure_memory(home: Path) -> dict[str, tuple[float, float]]:
    """Return RSS and PSS in MB of each kind of process, after questions and documents."""
    settings = configuration.load()
    with EmbeddedServers(home) as urls:
        database = Database(urls.database_url)
        workers = {role: start_worker(settings, urls, role) for role in ROLES}
        try:
            for role, process in workers.items():
                wait_ready(database, role, process, home / "log" / f"worker-{role}.log")
            for number in range(3):
                run_command("ingest", str(write_document(home, 100 + number)), str(ROOT / "README.md"))
                run_command("ask", f"{QUESTION} {number}")
            found = {f"{role} worker": add_tree(psutil.Process(process.pid)) for role, process in workers.items()}
            (parent, child, *parsers) = list_tree(psutil.Process(workers["ingest"].pid))
            found |= {"ingest worker: parent": add([parent]), "ingest worker: child": add([child])}
            found |= {"ingest worker: parser": add(parsers)}
        finally:
            stop_workers(list(workers.values()))
            database.close()
        for program in ("postgres", "redis-server"):
            found[program] = add([p for p in psutil.process_iter() if is_server(p, program, home)])
    return found


def is_server(process: psutil.Process, program: str, home: Path) -> bool:
    """Return whether a process is one of the embedded servers of the home."""
    try:
        return process.name().startswith(program) and process.cwd().startswith(str(home))
    except psutil.Error:
        return False


def list_tree(process: psutil.Process) -> list[psutil.Process]:
    """Return a process and its descendants."""
    return [process, *process.children(recursive=True)]


def add_tree(process: psutil.Process) -> tuple[float, float]:
    """Return RSS and PSS in MB of a process with its descendants."""
    return add(list_tree(process))


def add(processes: list[psutil.Process]) -> tuple[float, float]:
    """Return the sums of RSS and PSS in MB. Linux only: other systems have no PSS, which is then 0."""
    information = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # a database session that has ended
            information.append(process.memory_full_info())
    return sum(each.rss for each in information) / 1e6, sum(getattr(each, "pss", 0) for each in information) / 1e6
