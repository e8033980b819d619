"""Compare recall in a small and a large store: latency, agreement with exact results, and growth of the HNSW index.

    .venv/bin/python -m benchmarks.recall [--chunks 10000,1000000] [--small-workspaces 1000] [--questions 60]
                                          [--rounds 3] [--keep DIR]

Each store is filled directly, without models (`benchmarks/filled_store.py`), in an embedded server of its own. With
`--keep`, the stores stay in a folder and are not filled again. Questions and stores alternate, because the speed of a
shared machine changes over time. The measured time is that of `PostgresRecall.recall`: transaction, both searches, and
candidates with their texts.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import text

from benchmarks.filled_store import PER_DOCUMENT, FilledStore, GeneratedQuestion, add_vectors, fill, load, save
from benchmarks.page import format_number
from benchmarks.results import BenchmarkResult, Chart, Line, Measurement, Options, Table
from cli.context import open_context
from config.setting_groups import ServerSettings
from config.settings import Settings
from db.engine import Database
from db.keyword_index import TERM_TYPE
from db.keyword_recall import BM25_B, BM25_K1
from db.keyword_segments import index_changes
from db.recall import PostgresRecall
from db.vector_indexes import build_vector_indexes
from db.vector_recall import EXACT_BELOW
from pipeline.types import RecallMode, RecallQuery, RecallResult

TOP_N = 50
GROWTH_BATCH = 256
GROWTH_BATCHES = 8
METHODS: dict[str, tuple[RecallMode, int | None]] = {
    "keyword": ("keyword", None),
    "dense, by index": ("dense", 0),
    "hybrid": ("hybrid", None),
    "hybrid, by index": ("hybrid", 0),
}
"""Mode and, if not the default, the number of chunks below which all vectors are scanned."""
KEYWORD_TABLES = ("chunk_terms", "keyword_changes", "keyword_segments", "keyword_blocks")


@dataclass(frozen=True)
class Store:
    """An open store."""

    chunks: int
    database: Database
    filled: FilledStore
    build_s: Mapping[str, float]
    """Seconds of each step that filled it."""

    def recall(self, question: GeneratedQuestion, mode: RecallMode, exact_below: int | None = None) -> RecallResult:
        """Recall the Top-N chunks for a question."""
        vector = None if mode == "keyword" else question.vector.tolist()
        words = () if mode == "dense" else tuple((term,) for term in question.terms)
        query = RecallQuery("", vector, words, mode, TOP_N)
        store = PostgresRecall(
            self.database,
            self.filled.workspace_id,
            self.filled.profile,
            exact_below=EXACT_BELOW if exact_below is None else exact_below,
        )
        return store.recall(query)


@contextmanager
def open_store(chunks: int, small_workspaces: int, questions: int, folder: Path) -> Iterator[Store]:
    """Open the store of a folder, which is filled first if it is new."""
    settings = Settings(_env_file=None, servers=ServerSettings(home=folder / "home"))
    with open_context(settings) as context:
        path = folder / "filled.npz"
        if not path.exists():
            timings: dict[str, float] = {}
            with _timed(timings, "rows"):
                filled = fill(context.database, chunks, small_workspaces, questions)
            with _timed(timings, "keyword segments"):
                index_changes(context.database)
            with _timed(timings, "HNSW index"):
                build_vector_indexes(context.database, threshold=min(chunks, 10_000))
            save(path, filled, timings)
        filled, timings = load(path, context.database)
        yield Store(chunks, context.database, filled, timings)


@contextmanager
def _timed(timings: dict[str, float], name: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    timings[name] = time.monotonic() - started


def measure_latency(stores: Sequence[Store], rounds: int) -> dict[tuple[int, str], list[float]]:
    """Return the milliseconds of each question by number of chunks and method; stores and methods alternate."""
    elapsed: dict[tuple[int, str], list[float]] = {(store.chunks, method): [] for store in stores for method in METHODS}
    questions = min(len(store.filled.questions) for store in stores)
    for number in range(-5, questions * rounds):
        for method, (mode, exact_below) in METHODS.items():
            for store in stores:
                question = store.filled.questions[number % questions]
                started = time.perf_counter()
                found = store.recall(question, mode, exact_below)
                if number >= 0:  # the questions before warm caches and prepared statements
                    elapsed[store.chunks, method].append((time.perf_counter() - started) * 1000)
                assert found.returned == TOP_N or mode == "keyword", (method, found.returned)
    return elapsed


def measure_vector_agreement(store: Store) -> float:
    """Return the share of the nearest chunks that the HNSW index finds."""
    shares = []
    for question in store.filled.questions:
        found = store.recall(question, "dense", 0)
        exact = store.recall(question, "dense", 2**31)
        assert (found.plan, exact.plan) == ("hnsw", "exact"), (found.plan, exact.plan)
        nearest = {candidate.chunk_id for candidate in exact.candidates}
        shares.append(len(nearest & {candidate.chunk_id for candidate in found.candidates}) / TOP_N)
    return statistics.fmean(shares)


def measure_keyword_agreement(store: Store) -> float:
    """Return the share of questions whose Top-N by keyword equals that of BM25 over all chunks."""
    wanted = np.unique([term for question in store.filled.questions for term in question.terms])
    chunks, terms, frequencies, lengths, total, total_length = _read_terms(store, wanted)
    agreed = 0
    for question in store.filled.questions:
        scores: dict[int, float] = {}
        for term in question.terms:
            rows = terms == term
            weight = np.log(1 + (total - rows.sum() + 0.5) / (rows.sum() + 0.5)) * (BM25_K1 + 1)
            norm = BM25_K1 * (1 - BM25_B + BM25_B * lengths[rows] * total / total_length)
            for chunk, score in zip(
                chunks[rows].tolist(), weight * frequencies[rows] / (frequencies[rows] + norm), strict=True
            ):
                scores[chunk] = scores.get(chunk, 0.0) + float(score)
        # Rounded, because the order of additions changes the last digits.
        best = sorted(scores, key=lambda chunk: (-round(scores[chunk], 9), chunk))[:TOP_N]
        found = store.recall(question, "keyword").candidates
        ordered = sorted(found, key=lambda candidate: (-round(candidate.keyword_score or 0.0, 9), candidate.chunk_id))
        agreed += best == [candidate.chunk_id for candidate in ordered]
    return agreed / len(store.filled.questions)


def _read_terms(store: Store, wanted: Any) -> tuple[Any, Any, Any, Any, int, int]:
    """Read the postings of these terms from the terms of all chunks, and the number and total length of the chunks."""
    parts: list[tuple[Any, ...]] = []
    total = total_length = 0
    with store.database.owner() as session:
        rows = session.connection(execution_options={"yield_per": 20_000}).execute(
            text("SELECT chunk_id, length, terms FROM chunk_terms WHERE workspace_id = :workspace_id"),
            {"workspace_id": store.filled.workspace_id},
        )
        for part in rows.partitions():
            packed = np.frombuffer(b"".join(row.terms for row in part), dtype=TERM_TYPE)
            source = np.repeat(np.arange(len(part)), [len(row.terms) // TERM_TYPE.itemsize for row in part])
            kept = np.isin(packed["term"], wanted)
            lengths = np.array([row.length for row in part])
            ids = np.array([row.chunk_id for row in part])
            parts.append((ids[source[kept]], packed["term"][kept], packed["frequency"][kept], lengths[source[kept]]))
            total, total_length = total + len(part), total_length + int(lengths.sum())
    chunks, terms, frequencies, lengths = (
        np.concatenate(column).astype(np.int64) for column in zip(*parts, strict=True)
    )
    return chunks, terms, frequencies, lengths, total, total_length


def measure_growth(store: Store) -> tuple[float, float, float]:
    """Insert vectors while questions go on; return rows/s, and the p95 of questions in ms without and with inserts."""

    def ask(until: Callable[[int], bool]) -> float:
        elapsed: list[float] = []
        while not until(len(elapsed)):
            started = time.perf_counter()
            store.recall(store.filled.questions[len(elapsed) % len(store.filled.questions)], "hybrid", 0)
            elapsed.append((time.perf_counter() - started) * 1000)
        return statistics.quantiles(elapsed, n=20)[-1] if len(elapsed) > 1 else elapsed[0]

    idle = ask(lambda asked: asked >= len(store.filled.questions))
    rates: list[float] = []
    inserting = threading.Thread(
        target=lambda: rates.append(add_vectors(store.database, store.filled, GROWTH_BATCH, GROWTH_BATCHES))
    )
    inserting.start()
    busy = ask(lambda asked: asked > 1 and not inserting.is_alive())
    inserting.join()
    return rates[0], idle, busy


def measure_keyword_bytes(store: Store) -> float:
    """Return the bytes of the keyword index per chunk, indexes included."""
    with store.database.owner() as session:
        size = sum(session.scalar(text(f"SELECT pg_total_relation_size('{table}')")) or 0 for table in KEYWORD_TABLES)
        return float(size / (session.scalar(text("SELECT count(*) FROM chunk_terms")) or 1))


def measure_all(
    sizes: Sequence[int], small_workspaces: int, questions: int, rounds: int, keep: Path | None
) -> BenchmarkResult:
    """Open or fill all stores and measure them."""
    with ExitStack() as stack:
        root = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="refdesk-bench-")))
        stores = [
            stack.enter_context(open_store(size, small_workspaces, questions, root / f"chunks-{size}"))
            for size in sizes
        ]
        elapsed = measure_latency(stores, rounds)
        measurements = _compare(sizes, elapsed)
        rows = [_describe(store, elapsed) for store in stores]
        measurements += [
            Measurement(f"recall@{TOP_N} of the HNSW index, {store.chunks:,} chunks", row["recall"], at_least=0.98)
            for store, row in zip(stores, rows, strict=True)
        ]
        measurements += [
            Measurement(f"keyword Top-{TOP_N} equal to exact BM25, {store.chunks:,} chunks", row["equal"], at_least=1.0)
            for store, row in zip(stores, rows, strict=True)
        ]
        measurements.append(Measurement("keyword index per chunk", rows[-1]["bytes"], "bytes", at_most=2_560))
    columns = tuple(rows[0])
    table = Table(
        ("chunks", *(COLUMNS[name] for name in columns)),
        tuple(
            (f"{size:,}", *(format_number(row[name]) for name in columns))
            for size, row in zip(sizes, rows, strict=True)
        ),
    )
    lines = tuple(
        Line(method, tuple((size, statistics.median(elapsed[size, method])) for size in sizes)) for method in METHODS
    )
    chart = Chart("scale", "Recall of 50", "chunks", "p50 ms", lines, log_x=True)
    conditions = (
        f"Documents of {PER_DOCUMENT} chunks in one workspace next to {small_workspaces:,} small ones;"
        f" {questions} questions, {rounds} rounds."
    )
    return BenchmarkResult("scale", conditions, tuple(measurements), (table,), (chart,))


COLUMNS = {
    **{f"{method} {name}": f"{method}, {name} ms" for method in METHODS for name in ("p50", "p95")},
    "recall": f"recall@{TOP_N} of the index",
    "equal": "keyword equal to BM25",
    "bytes": "keyword index, bytes per chunk",
    "build": "HNSW build, s",
    "inserts": "inserts into HNSW, rows/s",
    "idle": "question p95 without inserts, ms",
    "busy": "question p95 with inserts, ms",
}


def _compare(sizes: Sequence[int], elapsed: Mapping[tuple[int, str], list[float]]) -> list[Measurement]:
    """Compare the largest store with the smallest."""
    small, large = min(sizes), max(sizes)
    return [
        Measurement.compare(
            f"{method}, {large:,} chunks",
            "ms",
            [statistics.median(elapsed[large, method])],
            [statistics.median(elapsed[small, method])],
            against=f"{small:,} chunks",
            at_most=2.0,
        )
        for method in METHODS
        if small < large
    ]


def _describe(store: Store, elapsed: Mapping[tuple[int, str], list[float]]) -> dict[str, float]:
    """Return the figures of one store by the keys of `COLUMNS`."""
    row: dict[str, float] = {}
    for method in METHODS:
        times = elapsed[store.chunks, method]
        row[f"{method} p50"], row[f"{method} p95"] = statistics.median(times), statistics.quantiles(times, n=20)[-1]
    row["recall"] = measure_vector_agreement(store)
    row["equal"] = measure_keyword_agreement(store)
    row["bytes"] = measure_keyword_bytes(store)
    row["build"] = store.build_s["HNSW index"]
    row["inserts"], row["idle"], row["busy"] = measure_growth(store)
    return row


def run_benchmark(options: Options) -> BenchmarkResult:
    """Measure a growing store with up to 1,000,000 chunks, or the requested number."""
    large = options.pick_chunks(1_000_000, 2_000)
    sizes = [size for size in (10_000, 100_000) if size < large] or [large // 2]
    return measure_all((*sizes, large), 10 if options.quick else 1_000, 60, options.pick_rounds(3), options.keep)


def main() -> None:
    """Measure and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chunks", default="10000,1000000", help="Sizes of the large workspace, smallest first.")
    parser.add_argument("--small-workspaces", type=int, default=1_000)
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="Keep the filled stores in this folder and use those it contains.")
    arguments = parser.parse_args()
    sizes = [int(size) for size in arguments.chunks.split(",")]
    result = measure_all(sizes, arguments.small_workspaces, arguments.questions, arguments.rounds, arguments.keep)
    print(result.conditions)
    for measurement in result.measurements:
        ratio = "" if measurement.ratio is None else f"  {measurement.ratio:.2f} x {measurement.baseline_name}"
        print(f"{measurement.name:50} {measurement.value:10.4g} {measurement.unit}{ratio}")
    for row in result.tables[0].rows:
        for column, value in zip(result.tables[0].columns, row, strict=True):
            print(f"{column:40} {value:>10}")


if __name__ == "__main__":
    main()
