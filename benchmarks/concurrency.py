"""Measure the queue: its overhead per question, many questions at once, and questions next to an ingest backlog.

    .venv/bin/python -m benchmarks.concurrency [--only overhead,at-once,backlog] [--questions 60] [--backlog 10000]

overhead   from the submission until the result is known, without the flow itself (the total of its trace)
at-once    16 questions of one worker with a model server that takes 2 s: total time, and simultaneous calls
backlog    p95 of questions while an ingest worker has a backlog of queued documents, against the idle p95
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from benchmarks.ingest import write_notes
from benchmarks.product import set_environment
from benchmarks.results import BenchmarkResult, Chart, Line, Measurement, Options
from cli.context import CommandContext, open_context
from cli.ingest import submit_sources
from cli.sources import find_sources
from cli.waiting import wait_for
from config.setting_groups import ServerSettings
from config.settings import Settings
from db import jobs
from db.models import Job
from pipeline.backends.models.model_files import PACKAGED_MODEL
from tasks.roles import Role

AT_ONCE = 16
COUNTS = (1, 2, 4, 8, AT_ONCE)
"""Numbers of questions at once."""
MODEL_S = 2.0
"""Seconds that the model server takes for a call."""
MEASUREMENTS = ("overhead", "at-once", "backlog")
NOTES = 200
"""Documents of the library that is asked."""


class SlowModelServer:
    """A chat endpoint that replies after a fixed time and counts its simultaneous calls."""

    def __init__(self, seconds: float = MODEL_S) -> None:
        """Bind to a free port; the server starts with the `with` block."""
        self.most = 0
        self._running = 0
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                messages = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["messages"]
                request = messages[-1]["content"]
                outer._count(1)
                time.sleep(seconds)
                outer._count(-1)
                # A sentence of the first passage: an answer without support would be replaced by an extractive one.
                passage = re.search(r'<passage n="1" .*>\n([^.]+\.)', request)
                answer = f"{passage[1]} [1]" if passage else "No passage."
                message = {"role": "assistant", "content": answer}
                usage = {"prompt_tokens": 1, "completion_tokens": 1}
                reply = {"model": "slow", "choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}
                body = json.dumps(reply).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 64
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        """Base URL of the endpoint."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        """Start the server."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._server.server_close()

    def _count(self, change: int) -> None:
        with self._lock:
            self._running += change
            self.most = max(self.most, self._running)


def ask(front: CommandContext, workspace_id: int, *questions: str, reranker: str = "none") -> tuple[float, list[Job]]:
    """Ask questions at once, as `refdesk ask` does; return the seconds until all results were known, and the jobs."""
    options = {"recall": "hybrid", "top_n": 50, "top_k": 3, "reranker": reranker}
    payloads = [{"question": question, "options": options, "channels": []} for question in questions]
    ended: list[Job] = []
    started = time.perf_counter()
    numbers = front.submitter.submit([jobs.NewJob(workspace_id, "ask", payload) for payload in payloads])
    wait_for(front, workspace_id, numbers, "query", lambda seen: ended.extend(job for job in seen if job.finished))
    elapsed = time.perf_counter() - started
    assert {job.state for job in ended} == {"succeeded"}, [job.error for job in ended]
    return elapsed, ended


def measure_overhead(front: CommandContext, workspace_id: int, questions: int) -> list[float]:
    """Return the milliseconds per question that the flow itself did not take."""
    overheads = []
    for number in range(questions):
        elapsed, (job,) = ask(front, workspace_id, f"Which granite lantern has the number {number}?")
        overheads.append(elapsed * 1000 - (job.result or {})["timings_ms"]["total"])
    return overheads[min(5, questions // 2) :]  # the first ones open connections


def measure_at_once(front: CommandContext, workspace_id: int, count: int = AT_ONCE) -> float:
    """Return the seconds until `count` questions that were asked at the same time are answered."""
    return ask(front, workspace_id, *(f"What is the quarry signal {n}?" for n in range(count)))[0]


def measure_latencies(front: CommandContext, workspace_id: int, questions: int) -> list[float]:
    """Return the milliseconds until the results of questions with the default reranker were known."""
    return [
        ask(front, workspace_id, f"Which ledger mentions topic {number}?", reranker="late-interaction")[0] * 1000
        for number in range(questions)
    ]


def percentile_95(values: Sequence[float]) -> float:
    """Return the 95th percentile."""
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


@contextmanager
def open_library(folder: Path) -> Iterator[tuple[CommandContext, int]]:
    """Open an installation in a temporary folder, with a library of `NOTES` notes; no worker is running."""
    settings = Settings(_env_file=None, servers=ServerSettings(home=folder / "home"))
    variables = {"REFDESK_HOME": str(folder / "home"), "REFDESK_EMBEDDING_MODEL": PACKAGED_MODEL}
    with set_environment(**variables), open_context(settings, roles=("ingest",)) as front:
        workspace_id = front.workspace("library")
        _wait_for_ingest(front, workspace_id, write_notes(folder / "notes", NOTES, seed=1))
        front.workers.stop()
        yield front, workspace_id


@contextmanager
def run_workers(front: CommandContext, *roles: Role, **environment: str) -> Iterator[None]:
    """Run workers with additional environment variables, which only they read."""
    with set_environment(**environment):
        try:
            front.workers.ensure(roles)
            yield
        finally:
            front.workers.stop()


def run_overhead(front: CommandContext, workspace_id: int, questions: int) -> list[Measurement]:
    """Measure the queue and the ledger per question."""
    with run_workers(front, "query"):
        values = measure_overhead(front, workspace_id, questions)
    quarter = statistics.quantiles(values, n=4)[0]
    return [
        Measurement("queue and ledger per question", statistics.median(values), "ms", at_most=12.0),
        Measurement("queue and ledger per question, fastest quarter", quarter, "ms"),
    ]


def run_at_once(front: CommandContext, workspace_id: int) -> tuple[list[Measurement], Chart]:
    """Measure 1 to 16 questions at once with a slow model server."""
    with SlowModelServer() as server:
        model = {"REFDESK_LLM_BASE_URL": server.url, "REFDESK_LLM_MODEL": "slow"}
        with run_workers(front, "query", **model):
            ask(front, workspace_id, "What is the first question?")
            server.most = 0
            points = [(float(count), measure_at_once(front, workspace_id, count)) for count in COUNTS]
    serial = tuple((float(count), MODEL_S * count) for count in COUNTS)
    chart = Chart(
        "questions-at-once",
        "Questions at once",
        "questions at once",
        "seconds until all are answered",
        (Line("one query worker", tuple(points)), Line("model calls one after the other", serial)),
    )
    return [
        Measurement(f"{AT_ONCE} questions at once, model {MODEL_S:g} s", points[-1][1], "s", at_most=2.8),
        Measurement("simultaneous calls at the model server", server.most, at_least=AT_ONCE),
    ], chart


def run_backlog(
    front: CommandContext, workspace_id: int, folder: Path, questions: int, documents: int
) -> list[Measurement]:
    """Measure questions next to a backlog of queued documents against idle ones."""
    paths = [str(write_notes(folder / "backlog", documents, seed=2))]
    with run_workers(front, "query", "ingest"):
        measure_latencies(front, workspace_id, questions)  # the passages are in the cache from now on
        idle = measure_latencies(front, workspace_id, questions)
        submit_sources(front, front.workspace("backlog"), find_sources(paths, max_bytes=10**9), channels=None)
        busy = measure_latencies(front, workspace_id, questions)
    return [
        Measurement.compare(
            f"question behind {documents:,} queued documents, p95",
            "ms",
            [percentile_95(busy)],
            [percentile_95(idle)],
            against="idle p95",
            at_most=1.5,
        )
    ]


def measure(only: Sequence[str], questions: int, documents: int) -> tuple[list[Measurement], list[Chart]]:
    """Run the named measurements in one installation."""
    measurements: list[Measurement] = []
    charts: list[Chart] = []
    with (
        tempfile.TemporaryDirectory(prefix="refdesk-bench-") as folder,
        open_library(Path(folder)) as (front, workspace_id),
    ):
        if "overhead" in only:
            measurements += run_overhead(front, workspace_id, questions)
        if "at-once" in only:
            at_once, chart = run_at_once(front, workspace_id)
            measurements += at_once
            charts.append(chart)
        if "backlog" in only:
            measurements += run_backlog(front, workspace_id, Path(folder), questions, documents)
    return measurements, charts


def run_benchmark(options: Options) -> BenchmarkResult:
    """Run all measurements."""
    questions, documents = (20, 200) if options.quick else (60, 10_000)
    conditions = f"{NOTES} notes in the library, {questions} questions, {documents:,} queued documents."
    measurements, charts = measure(MEASUREMENTS, questions, documents)
    return BenchmarkResult("concurrency", conditions, tuple(measurements), charts=tuple(charts))


def _wait_for_ingest(front: CommandContext, workspace_id: int, path: Path) -> None:
    entries = submit_sources(front, workspace_id, find_sources([str(path)], max_bytes=10**9), channels=None)
    numbers = [entry.job for entry in entries if entry.job is not None]
    wait_for(front, workspace_id, numbers, "ingest", lambda _: None)


def main() -> None:
    """Run the chosen measurements and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(MEASUREMENTS), help="Measurements, separated by commas.")
    parser.add_argument("--questions", type=int, default=60, help="Questions per measurement.")
    parser.add_argument("--backlog", type=int, default=10_000, help="Queued documents.")
    arguments = parser.parse_args()
    measurements, _ = measure(arguments.only.split(","), arguments.questions, arguments.backlog)
    for one in measurements:
        ratio = "" if one.ratio is None else f"  {one.ratio:.2f} x {one.baseline_name} ({one.baseline:.1f} {one.unit})"
        print(f"{one.name}: {one.value:.1f} {one.unit}{ratio}")


if __name__ == "__main__":
    main()
