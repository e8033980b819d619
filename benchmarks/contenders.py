"""Measure several contenders in alternating rounds, each in its own process, on one PostgreSQL."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import contender_process
from benchmarks.product import HOME_VARIABLE
from benchmarks.results import Options
from benchmarks.texts import Passage, find_model
from embedded.servers import EmbeddedServers

ROOT = Path(__file__).resolve().parent.parent
TIMEOUT_S = 900.0
"""Seconds after which one contender in one round is given up."""
TOP_N = 50
"""Number of recalled passages."""
WARM_QUESTIONS = 3


@dataclass(frozen=True, slots=True)
class Candidate:
    """A contender: its name on the page, its class, its interpreter and its import path."""

    name: str
    target: str
    python: str = sys.executable
    path: tuple[str, ...] = (str(ROOT),)


@dataclass(frozen=True, slots=True)
class Run:
    """One contender in one round."""

    ingest_s: float
    recall_ms: tuple[float, ...]
    ids: tuple[tuple[str, ...], ...]
    rss_mb: float

    @property
    def recall_p50_ms(self) -> float:
        """Median milliseconds per question."""
        return statistics.median(self.recall_ms)

    @property
    def recall_p95_ms(self) -> float:
        """95th percentile of the milliseconds per question."""
        return statistics.quantiles(self.recall_ms, n=20)[-1]


@dataclass(frozen=True, slots=True)
class SharedDatabase:
    """PostgreSQL with pgvector, and the data folder whose saved models all contenders use."""

    url: str
    home: Path


TORCH = Candidate("plain loop, torch fp32", "benchmarks.plain_loops:TorchLoop")
ENCODER = Candidate("plain loop, Refdesk's encoder", "benchmarks.plain_loops:EncoderLoop")
ENCODER_INT8 = Candidate("plain loop, Refdesk's encoder, int8", "benchmarks.plain_loops:Int8Loop")
REFDESK = Candidate("Refdesk", "benchmarks.peer:Refdesk")
REFDESK_INT8 = Candidate("Refdesk, int8", "benchmarks.peer:RefdeskInt8")


def find_peers(options: Options) -> list[Candidate]:
    """Return the other libraries, if their drivers and their environment exist."""
    if options.peers is None or options.peers_python is None or not (options.peers / "peers").is_dir():
        return []
    drivers = {
        "LangChain": "peers.langchain_peer:LangChain",
        "LlamaIndex": "peers.llamaindex_peer:LlamaIndex",
        "Haystack": "peers.haystack_peer:Haystack",
    }
    python, path = str(options.peers_python), (str(options.peers),)
    return [Candidate(name, target, python, path) for name, target in drivers.items()]


def measure_contenders(
    candidates: Sequence[Candidate], passages: Sequence[Passage], questions: Sequence[str], rounds: int
) -> dict[str, list[Run]]:
    """Measure all contenders in each round, in an order that rotates, and return their runs by name.

    Raises:
        RuntimeError: A contender failed.
    """
    runs: dict[str, list[Run]] = {candidate.name: [] for candidate in candidates}
    with open_database() as database:
        for number in range(rounds):
            shift = number % len(candidates)
            for candidate in [*candidates[shift:], *candidates[:shift]]:
                run = measure_contender(candidate, database, passages, questions)
                runs[candidate.name].append(run)
                print(
                    f"round {number + 1}  {candidate.name:36} {len(passages) / run.ingest_s:7.1f} chunks/s"
                    f"  recall {run.recall_p50_ms:6.1f} ms",
                    flush=True,
                )
    return runs


@contextmanager
def open_database() -> Iterator[SharedDatabase]:
    """Start the PostgreSQL for all contenders that do not bring their own."""
    with tempfile.TemporaryDirectory(prefix="refdesk-bench-") as folder:
        home = Path(folder) / "home"
        with EmbeddedServers(home, with_redis=False) as urls:
            yield SharedDatabase(to_driver_url(urls.database_url), home)


def measure_contender(
    candidate: Candidate, database: SharedDatabase, passages: Sequence[Passage], questions: Sequence[str] = ()
) -> Run:
    """Measure one contender once; without questions, only ingestion.

    Raises:
        RuntimeError: The contender failed.
    """
    finished = subprocess.run(
        [candidate.python, contender_process.__file__],
        input=json.dumps(_build_task(candidate, database.url, passages, questions)),
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
        env=os.environ | {HOME_VARIABLE: str(database.home)},
    )
    marker = contender_process.MARKER
    lines = [line.removeprefix(marker) for line in finished.stdout.splitlines() if line.startswith(marker)]
    if not lines:
        raise RuntimeError(f"{candidate.name} failed with exit code {finished.returncode}:\n{finished.stderr[-2000:]}")
    result = json.loads(lines[-1])
    return Run(result["ingest_s"], tuple(result["recall_ms"]), tuple(map(tuple, result["ids"])), result["rss_mb"])


def to_driver_url(url: str) -> str:
    """Return a database URL without the driver that SQLAlchemy expects in its scheme."""
    scheme, _, rest = url.partition("://")
    return f"{scheme.partition('+')[0]}://{rest}"


def _build_task(
    candidate: Candidate, dsn: str, passages: Sequence[Passage], questions: Sequence[str]
) -> Mapping[str, object]:
    return {
        "target": candidate.target,
        "path": candidate.path,
        "dsn": dsn,
        "model": find_model(),
        "table": "benchmark_" + "".join(c if c.isalnum() else "_" for c in candidate.name.lower()),
        "chunks": [{"id": passage.name, "text": passage.text} for passage in passages],
        "warm_questions": questions[:WARM_QUESTIONS],
        "questions": questions[WARM_QUESTIONS:],
        "k": TOP_N,
    }
