"""Ingest one-chunk documents and recall 50 of them, against plain loops and against other libraries."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from benchmarks.contenders import (
    ENCODER,
    ENCODER_INT8,
    REFDESK,
    REFDESK_INT8,
    TOP_N,
    TORCH,
    WARM_QUESTIONS,
    Candidate,
    Run,
    find_peers,
    measure_contenders,
)
from benchmarks.product import has_int8
from benchmarks.results import BenchmarkResult, Measurement, Options, Table, format_rounds
from benchmarks.texts import load_passages, load_questions

QUESTIONS = 50
NO_PEERS = (
    "Other libraries were not compared: `--peers-python` did not name the interpreter of an environment with them, or"
    " their drivers were not found."
)
NO_INT8 = "int8 was not measured: the extra `int8`, which exports quantised models, is not installed."

Runs = Mapping[str, Sequence[Run]]


def run_benchmark(options: Options) -> BenchmarkResult:
    """Measure all contenders in alternating rounds."""
    chunks, rounds = options.pick_chunks(500, 40), options.pick_rounds(2)
    peers, int8 = find_peers(options), has_int8()
    ours = [ENCODER, REFDESK, *([ENCODER_INT8, REFDESK_INT8] if int8 else [])]
    questions = load_questions(WARM_QUESTIONS + (10 if options.quick else QUESTIONS))
    runs = measure_contenders([TORCH, *peers, *ours], load_passages(chunks), questions, rounds)
    return summarise(runs, chunks, rounds, peers=peers, int8=int8)


def summarise(runs: Runs, chunks: int, rounds: int, *, peers: Sequence[Candidate], int8: bool) -> BenchmarkResult:
    """Turn the runs into measurements and a table.

    Args:
        runs: Runs by contender, one per round.
        chunks: Number of ingested chunks.
        rounds: Number of rounds.
        peers: The other libraries that were measured; the plain torch loop is the baseline without them.
        int8: Whether int8 profiles were measured.
    """
    others = [peer.name for peer in peers] or [TORCH.name]
    measurements = _compare(runs, chunks, REFDESK, ENCODER, others, at_least=2.3)
    if int8:
        measurements += _compare(runs, chunks, REFDESK_INT8, ENCODER_INT8, others, at_least=3.7)
    return BenchmarkResult(
        part="ingest",
        conditions=(
            f"{chunks:,} documents of one chunk (at most 200 tokens), {len(runs[TORCH.name][0].recall_ms)} questions,"
            f" recall of {TOP_N}, {format_rounds(rounds)}."
        ),
        measurements=tuple(measurements),
        tables=(_build_table(runs, chunks),),
        notes=(*([] if peers else [NO_PEERS]), *([] if int8 else [NO_INT8])),
    )


def _compare(
    runs: Runs, chunks: int, product: Candidate, loop: Candidate, others: Sequence[str], *, at_least: float
) -> list[Measurement]:
    """Compare the product with the best of the others, and with the plain loop around the same encoder."""

    def rates(name: str) -> list[float]:
        return [chunks / run.ingest_s for run in runs[name]]

    def times(name: str) -> list[float]:
        return [run.recall_p50_ms for run in runs[name]]

    fastest = max(others, key=lambda name: statistics.median(rates(name)))
    quickest = min(others, key=lambda name: statistics.median(times(name)))
    precision = "int8" if product is REFDESK_INT8 else "lossless"
    ingest, recall = f"ingest, one-chunk documents, {precision}", f"recall of {TOP_N}, question embedded, {precision}"
    against = "plain loop, same encoder"
    return [
        Measurement.compare(
            ingest, "chunks/s", rates(product.name), rates(fastest), against=fastest, at_least=at_least
        ),
        Measurement.compare(ingest, "chunks/s", rates(product.name), rates(loop.name), against=against),
        Measurement.compare(recall, "ms", times(product.name), times(quickest), against=quickest, at_most=0.4),
        Measurement.compare(recall, "ms", times(product.name), times(loop.name), against=against),
    ]


def _build_table(runs: Runs, chunks: int) -> Table:
    base = [run.ingest_s for run in runs[TORCH.name]]
    exact = runs[TORCH.name][0].ids
    rows = []
    for name, measured in runs.items():
        ratio = statistics.median(torch / run.ingest_s for torch, run in zip(base, measured, strict=True))
        rows.append(
            (
                name,
                f"{statistics.median(chunks / run.ingest_s for run in measured):.1f}",
                f"{ratio:.2f}",
                f"{statistics.median(run.recall_p50_ms for run in measured):.1f}",
                f"{statistics.median(run.recall_p95_ms for run in measured):.1f}",
                f"{measure_agreement(measured[0].ids, exact):.3f}",
                f"{statistics.median(run.rss_mb for run in measured):.0f}",
            )
        )
    columns = ("", "ingest, chunks/s", "× torch loop", "recall, p50 ms", "p95 ms", "agreement", "peak MB")
    return Table(columns, tuple(rows))


def measure_agreement(ids: Sequence[Sequence[str]], exact: Sequence[Sequence[str]]) -> float:
    """Return the mean share of the exact nearest chunks that were recalled."""
    pairs = zip(ids, exact, strict=True)
    return statistics.fmean(len(set(found) & set(wanted)) / len(wanted) for found, wanted in pairs)
