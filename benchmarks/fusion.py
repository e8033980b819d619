"""Fusion by measurement: the two legs of recall, fused by reciprocal rank and by score, on judged collections.

    .venv/bin/python -m benchmarks.fusion DIR [DIR ...] [--top-n 50]

Each collection is ingested as `refdesk evaluate` does it (where it was before, it is found there). Every question is
recalled by each leg and by the product's own statement; reciprocal rank fusion is computed from the two legs' rankings
(Cormack, Clarke and Buettcher, 2009, k = 60), once as published and once with the vector leg weighed as the product
does. nDCG@10 by trec_eval's definition; a document counts with its best chunk.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from cli.context import open_context, start_command
from config.wiring import build_parts
from db.recall import PostgresRecall
from evaluation.datasets import Dataset, load_dataset
from evaluation.ingestion import ingest_dataset, open_workspace
from evaluation.metrics import measure_quality
from evaluation.quality import documents_in_order
from evaluation.store_recall import StoreRecall
from pipeline.recall import dense_weight
from pipeline.types import Candidate, RecallMode
from tasks.startup import ensure_live_profile

K = 60
LEGS: tuple[RecallMode, ...] = ("dense", "keyword", "hybrid")
COLUMNS = ("dense", "keyword", "reciprocal rank", "reciprocal rank, weighed", "score (the product)")


def reciprocal_ranks(legs: Sequence[tuple[float, Sequence[Candidate]]]) -> list[Candidate]:
    """Fuse rankings: a candidate's score is the sum of weight / (k + rank) over the legs that found it."""
    scores: dict[int, float] = {}
    found: dict[int, Candidate] = {}
    for weight, candidates in legs:
        for candidate in candidates:
            scores[candidate.chunk_id] = scores.get(candidate.chunk_id, 0.0) + weight / (K + candidate.recall_rank)
            found[candidate.chunk_id] = candidate
    return [found[chunk] for chunk in sorted(scores, key=lambda chunk: (-scores[chunk], chunk))]


def measure(dataset: Dataset, recalls: Mapping[RecallMode, StoreRecall], weigh: Callable[[str], float]) -> list[float]:
    """Give nDCG@10 of each column."""
    rankings: dict[str, dict[str, tuple[str, ...]]] = {column: {} for column in COLUMNS}
    for question in dataset.judged_questions:
        dense, keyword, hybrid = (recalls[leg](question).candidates for leg in LEGS)
        orders = (
            dense,
            keyword,
            reciprocal_ranks([(1.0, dense), (1.0, keyword)]),
            reciprocal_ranks([(weigh(question.text), dense), (1.0, keyword)]),
            hybrid,
        )
        for column, order in zip(COLUMNS, orders, strict=True):
            rankings[column][question.id] = documents_in_order(order, lambda candidate: candidate.source)
    return [measure_quality(dataset.qrels, rankings[column]).ndcg_at_10 for column in COLUMNS]


def main(arguments: argparse.Namespace) -> None:
    """Measure every collection and print a table."""
    settings = start_command()
    print("| collection | " + " | ".join(COLUMNS) + " |")
    print("| --- |" + " ---: |" * len(COLUMNS))
    with open_context(settings, roles=("ingest",)) as front:
        profile = ensure_live_profile(front.database, settings)
        parts = build_parts(settings, profile, role="query")
        for folder in arguments.collections:
            dataset = load_dataset(folder)
            workspace_id = open_workspace(
                front.database,
                dataset,
                chunk_tokens=parts.ingest.chunk_tokens,
                chunk_overlap=parts.ingest.chunk_overlap,
            )
            ingest_dataset(
                dataset,
                front.database,
                front.submitter,
                workspace_id=workspace_id,
                wanted=dataset.document_ids,
                max_attempts=settings.jobs.max_attempts,
                on_progress=lambda _done, _total: None,
            )
            answer = parts.answer_with(PostgresRecall(front.database, workspace_id, profile))
            recalls = {leg: StoreRecall(answer, leg, arguments.top_n) for leg in LEGS}
            figures = measure(dataset, recalls, partial(dense_weight, vocabulary=answer.vocabulary))
            print(f"| {dataset.name} | " + " | ".join(f"{figure:.3f}" for figure in figures) + " |", flush=True)
        parts.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("collections", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--top-n", type=int, default=50)
    with suppress(KeyboardInterrupt):
        main(parser.parse_args())
