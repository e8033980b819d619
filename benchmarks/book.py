"""Ingest one large document, against a plain loop that encodes and stores the same chunks with the same encoder."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from benchmarks.contenders import ENCODER, ENCODER_INT8, Candidate, SharedDatabase, measure_contender, open_database
from benchmarks.ingestion import NO_INT8
from benchmarks.product import (
    MODELS,
    has_int8,
    ingest_path,
    open_product,
    read_embedding_inputs,
    share_models,
)
from benchmarks.results import BenchmarkResult, Measurement, Options, format_rounds
from benchmarks.texts import Passage, load_passages, write_book
from pipeline.types import Quantization

PAGES = 500
LOOPS: tuple[tuple[Quantization, Candidate], ...] = (("", ENCODER), ("int8", ENCODER_INT8))


def run_benchmark(options: Options) -> BenchmarkResult:
    """Measure the lossless encoder and, if possible, int8."""
    pages, rounds = 20 if options.quick else PAGES, options.pick_rounds(1)
    int8 = has_int8()
    measurements = []
    with (
        tempfile.TemporaryDirectory(prefix="refdesk-bench-") as folder,
        open_database() as database,
        # A process has one broker, and each precision is measured in a separate installation.
        ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as processes,
    ):
        for quantization, loop in LOOPS[: 2 if int8 else 1]:
            measured = processes.submit(measure_book, Path(folder), database, quantization, loop, pages, rounds)
            product, plain, chunks = measured.result()
            measurements.append(
                Measurement.compare(
                    f"ingest, book of {pages} pages, {quantization or 'lossless'}",
                    "chunks/s",
                    [count / seconds for count, seconds in zip(chunks, product, strict=True)],
                    [count / seconds for count, seconds in zip(chunks, plain, strict=True)],
                    against="plain loop, same encoder",
                    at_least=0.9,
                )
            )
    return BenchmarkResult(
        part="book",
        conditions=(f"A Markdown file of {pages} pages, {chunks[0]:,} chunks, {format_rounds(rounds)}."),
        measurements=tuple(measurements),
        notes=() if int8 else (NO_INT8,),
    )


def measure_book(
    folder: Path,
    database: SharedDatabase,
    quantization: Quantization,
    loop: Candidate,
    pages: int,
    rounds: int,
) -> tuple[list[float], list[float], list[int]]:
    """Return the seconds of the product, the seconds of the plain loop, and the number of chunks, of each round.

    Each round has another book, because the vectors of known texts are reused.
    """
    product, plain, chunks = [], [], []
    home = folder / f"home-{quantization or 'lossless'}"
    share_models(home, database.home / MODELS)
    with open_product(home, quantization) as context:
        warm_up = _write_warm_up(folder / f"warm-up-{quantization}.txt")
        ingest_path(context, context.workspace("warm-up"), warm_up)
        for number in range(rounds):
            workspace_id = context.workspace(f"book {number}")
            path = write_book(folder / f"book-{number}.md", pages, seed=number)
            product.append(ingest_path(context, workspace_id, path))
            passages = _name(read_embedding_inputs(context, workspace_id))
            plain.append(measure_contender(loop, database, passages).ingest_s)
            chunks.append(len(passages))
            print(
                f"round {number + 1}  {chunks[-1]} chunks  Refdesk {product[-1]:.1f} s  {loop.name} {plain[-1]:.1f} s",
                flush=True,
            )
    return product, plain, chunks


def _write_warm_up(path: Path) -> Path:
    path.write_text("\n\n".join(passage.text for passage in load_passages(32)), encoding="utf-8")
    return path


def _name(texts: Sequence[str]) -> list[Passage]:
    return [Passage(str(number), text) for number, text in enumerate(texts)]
