"""Keep a backlog of documents queued while people ask, and sample the processes every second.

    .venv/bin/python -m benchmarks.run --only load --minutes 30

Everything runs in real processes, as in `benchmarks.fairness`. The backlog is filled up whenever a tenth of it is done.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from sqlalchemy import text

from benchmarks.concurrency import percentile_95
from benchmarks.fairness import MODEL_S, open_installation, prepare, submit_notes, time_question
from benchmarks.results import BenchmarkResult, Measurement, Options, Table
from benchmarks.start import is_server
from cli.context import CommandContext
from db import jobs

PEOPLE = 4
"""People who ask one question after the other."""
PAUSE_S = 1.0
"""Seconds between two questions of a person, and between two samples."""
PARTS = 5
"""Rows of the table: equal parts of the run."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The state of all processes of Refdesk and of its servers at one moment."""

    at_s: float
    processes: int
    memory_mb: float
    """Memory without pages that are shared with files or other processes."""
    handles: int
    """Open files, sockets and pipes."""
    connections: int
    """Connections to the database."""
    waiting: int
    """Documents that are queued or in progress."""


@dataclass(slots=True)
class _Run:
    """What the threads of one run share."""

    started: float = field(default_factory=time.monotonic)
    stop: threading.Event = field(default_factory=threading.Event)
    answered: list[tuple[float, float]] = field(default_factory=list)
    """Start and duration of each question, in seconds."""
    errors: list[BaseException] = field(default_factory=list)

    def now(self) -> float:
        return time.monotonic() - self.started


def take_sample(front: CommandContext, home: Path, workspace_id: int, at_s: float) -> Sample:
    """Read memory and handles of all processes that this one started, connections, and the backlog."""
    found = {process.pid: process for process in psutil.Process().children(recursive=True)}
    for program in ("postgres", "redis-server"):
        found |= {process.pid: process for process in psutil.process_iter() if is_server(process, program, home)}
    memory, handles, count = 0, 0, 0
    for process in found.values():
        with suppress(psutil.Error):  # a process or a database session that has ended
            used = process.memory_info()
            memory, handles, count = memory + used.rss - used.shared, handles + process.num_fds(), count + 1
    with front.database.tenant(workspace_id) as session:
        waiting = jobs.count_open(session)
    with front.database.owner() as session:
        connections = session.scalar(
            text("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
        )
    return Sample(at_s, count, memory / 1e6, handles, int(connections or 0), waiting)


def measure(minutes: float, documents: int) -> tuple[list[Sample], list[tuple[float, float]], int]:
    """Return the samples, the start and duration of each question, and the number of ingested documents."""
    with open_installation() as (front, home):
        prepare(front)
        busy = front.workspace("busy")
        submitted = len(submit_notes(front, "busy", "collector", documents))
        run = _Run()

        def ask(person: str) -> None:
            try:
                while not run.stop.wait(PAUSE_S):
                    at_s = run.now()
                    run.answered.append((at_s, time_question(front, "quiet", person)))
            except BaseException as error:  # noqa: BLE001 - raised by the main thread
                run.errors.append(error)

        threads = [threading.Thread(target=ask, args=(f"reader {n}",)) for n in range(PEOPLE)]
        for thread in threads:
            thread.start()
        samples: list[Sample] = []
        try:
            while run.now() < minutes * 60 and not run.errors:
                samples.append(take_sample(front, home, busy, run.now()))
                if samples[-1].waiting < 0.9 * documents:
                    submitted += len(submit_notes(front, "busy", "collector", documents // 10))
                time.sleep(PAUSE_S)
        finally:
            run.stop.set()
            for thread in threads:
                thread.join()
        if run.errors:
            raise run.errors[0]
        return samples, run.answered, submitted - samples[-1].waiting


def run_benchmark(options: Options) -> BenchmarkResult:
    """Measure questions and processes during the run."""
    minutes = options.minutes or (0.5 if options.quick else 5)
    documents = options.pick_chunks(10_000, 200)
    samples, answered, ingested = measure(minutes, documents)
    part_s = minutes * 60 / PARTS
    rows = []
    for part in range(PARTS):
        inside = [sample for sample in samples if part * part_s <= sample.at_s < (part + 1) * part_s]
        seconds = [duration for at_s, duration in answered if part * part_s <= at_s < (part + 1) * part_s]
        rows.append(_build_row(f"{(part + 1) * part_s / 60:.1f}", inside, seconds))
    early, late = (
        [sample for sample in samples if part * part_s <= sample.at_s < (part + 1) * part_s] for part in (1, PARTS - 1)
    )
    seconds = [duration for _, duration in answered]
    measurements = (
        Measurement(f"question next to {documents:,} queued documents, p50", statistics.median(seconds), "s"),
        Measurement(f"question next to {documents:,} queued documents, p95", percentile_95(seconds), "s"),
        *(
            Measurement.compare(
                f"{name}, last part of the run",
                unit,
                [max(getattr(sample, attribute) for sample in late)],
                [max(getattr(sample, attribute) for sample in early)],
                against="second part",
                at_most=1.2,
            )
            for name, attribute, unit in (
                ("memory", "memory_mb", "MB"),
                ("database connections", "connections", ""),
                ("open handles", "handles", ""),
            )
        ),
    )
    conditions = (
        f"{minutes:g} minutes, {len(answered):,} questions of {PEOPLE} people, {ingested:,} documents ingested while at"
        f" least {min(sample.waiting for sample in samples):,} waited; a language model that takes {MODEL_S:g} s."
    )
    columns = (
        "until minute",
        "question p50, s",
        "p95, s",
        "processes",
        "memory, MB",
        "connections",
        "handles",
        "waiting",
    )
    return BenchmarkResult("load", conditions, measurements, (Table(columns, tuple(rows)),))


def _build_row(until: str, samples: Sequence[Sample], seconds: Sequence[float]) -> tuple[str, ...]:
    """Build a row from the questions and the largest values of a part of the run."""
    largest = [
        f"{max(getattr(sample, name) for sample in samples):,.0f}"
        for name in ("processes", "memory_mb", "connections", "handles", "waiting")
    ]
    return (until, f"{statistics.median(seconds):.2f}", f"{percentile_95(seconds):.2f}", *largest)
