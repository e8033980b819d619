"""Compare fusion by reciprocal rank with fusion by score on judged collections.

    .venv/bin/python -m benchmarks.fusion DIR [DIR ...] [--top-n 50]

Each collection is ingested as by `refdesk evaluate`, or reused if it was ingested before. Every question is recalled by
dense, keyword and hybrid recall. Reciprocal rank fusion (Cormack, Clarke and Buettcher, 2009, k = 60) is computed from
the dense and the keyword ranking, as published and with the dense weight of the product. The metric is trec_eval's
nDCG@10; a document counts with its best chunk.
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
from pipeline.recall import compute_dense_weight
from pipeline.types import Candidate, RecallMode
from tasks.startup import ensure_live_profile

K = 60
MODES: tuple[RecallMode, ...] = ("dense", "keyword", "hybrid")
COLUMNS = ("dense", "keyword", "reciprocal rank", "reciprocal rank, weighted", "score (the product)")


def fuse_reciprocal_ranks(rankings: Sequence[tuple[float, Sequence[Candidate]]]) -> list[Candidate]:
    """Fuse weighted rankings: the score of a candidate is the sum of weight / (k + rank) over the rankings."""
    scores: dict[int, float] = {}
    by_chunk: dict[int, Candidate] = {}
    for weight, candidates in rankings:
        for candidate in candidates:
            scores[candidate.chunk_id] = scores.get(candidate.chunk_id, 0.0) + weight / (K + candidate.recall_rank)
            by_chunk[candidate.chunk_id] = candidate
    return [by_chunk[chunk] for chunk in sorted(scores, key=lambda chunk: (-scores[chunk], chunk))]


def measure(
    dataset: Dataset, recalls: Mapping[RecallMode, StoreRecall], weight_of: Callable[[str], float]
) -> list[float]:
    """Return nDCG@10 for each column."""
    rankings: dict[str, dict[str, tuple[str, ...]]] = {column: {} for column in COLUMNS}
    for question in dataset.judged_questions:
        dense, keyword, hybrid = (recalls[mode](question).candidates for mode in MODES)
        orders = (
            dense,
            keyword,
            fuse_reciprocal_ranks([(1.0, dense), (1.0, keyword)]),
            fuse_reciprocal_ranks([(weight_of(question.text), dense), (1.0, keyword)]),
            hybrid,
        )
        for column, order in zip(COLUMNS, orders, strict=True):
            rankings[column][question.id] = documents_in_order(order, lambda candidate: candidate.source)
    return [measure_quality(dataset.qrels, rankings[column]).ndcg_at_10 for column in COLUMNS]


def main(arguments: argparse.Namespace) -> None:
    """Measure every collection and print a Markdown table."""
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
                document_ids=dataset.document_ids,
                max_attempts=settings.jobs.max_attempts,
                on_progress=lambda _done, _total: None,
            )
            answer = parts.answer_with(PostgresRecall(front.database, workspace_id, profile))
            recalls = {mode: StoreRecall(answer, mode, arguments.top_n) for mode in MODES}
            figures = measure(dataset, recalls, partial(compute_dense_weight, vocabulary=answer.vocabulary))
            print(f"| {dataset.name} | " + " | ".join(f"{figure:.3f}" for figure in figures) + " |", flush=True)
        parts.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("collections", nargs="+", type=Path, metavar="DIR", help="Folders of the collections.")
    parser.add_argument("--top-n", type=int, default=50, help="Candidates per recall.")
    with suppress(KeyboardInterrupt):
        main(parser.parse_args())
