"""Format the result of an evaluation as JSON and as table rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from evaluation.cost import USD_DECIMALS, usd_per_thousand_questions
from evaluation.differences import Comparison
from evaluation.embedding import EmbeddingFigures
from evaluation.quality import MethodResult


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result of an evaluation: several methods on one dataset with one recall mode."""

    dataset: str
    documents: int
    questions: int
    """Number of judged questions; the metrics are averages over them."""
    recall: str
    methods: tuple[MethodResult, ...]
    profile: str = ""
    """Name of the embedding profile."""
    embedding: EmbeddingFigures | None = None
    """What the profile costs, if it was measured."""
    missing: tuple[str, ...] = ()
    """Documents that are empty or could not be ingested; they count as never found."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """The questions by ID."""
    remarks: tuple[str, ...] = ()
    """Further notes about the figures."""


COLUMNS = ("method", "nDCG@10", "MRR@10", "recall@50", "p50 ms", "p95 ms", "calls", "tokens", "USD", "USD per 1,000")


EMBEDDING_COLUMNS = ("profile", "model", "dimensions", "precision", "chunks", "chunks/s", "MB", "tokens", "USD")


def evaluation_json(evaluation: Evaluation, *, by_question: bool = False) -> dict[str, Any]:
    """Build the JSON document of one evaluation, whose keys are a stable interface.

    Args:
        evaluation: The result to format.
        by_question: Add nDCG@10 of every question and method under `questions`.
    """
    document: dict[str, Any] = {
        "dataset": {
            "name": evaluation.dataset,
            "documents": evaluation.documents,
            "queries": evaluation.questions,
        },
        "profile": evaluation.profile,
        "recall": evaluation.recall,
        "methods": [
            {
                "method": result.method,
                "ndcg@10": round(result.ndcg_at_10, 4),
                "mrr@10": round(result.mrr_at_10, 4),
                "recall@50": round(result.recall_at_50, 4),
                "p50_ms": round(result.p50_ms, 1),
                "p95_ms": round(result.p95_ms, 1),
                "calls": result.usage.calls,
                "tokens": result.tokens,
                "cost_usd": round(result.usage.cost_usd, USD_DECIMALS),
            }
            for result in evaluation.methods
        ],
    }
    if by_question:
        document["questions"] = [
            {
                "id": question,
                "text": text,
                "ndcg@10": {result.method: round(result.ndcg_of[question], 4) for result in evaluation.methods},
            }
            for question, text in evaluation.texts.items()
        ]
    return document


def as_json(evaluations: Sequence[Evaluation], *, by_question: bool = False) -> dict[str, Any]:
    """Build the JSON document of `refdesk evaluate --json`.

    One evaluation is a document by itself; several are listed under `evaluations`. What the profiles cost is listed
    under `profiles`, if it was measured.
    """
    documents = [evaluation_json(one, by_question=by_question) for one in evaluations]
    profiles = [_embedding_json(figures) for figures in list_embedding_figures(evaluations)]
    if len(documents) == 1:
        return documents[0] | ({"profiles": profiles} if profiles else {})
    return {"profiles": profiles, "evaluations": documents}


def _embedding_json(figures: EmbeddingFigures) -> dict[str, Any]:
    return {
        "profile": figures.profile.name,
        "model": figures.profile.model,
        "dimensions": figures.profile.dimensions,
        "quantization": figures.profile.quantization,
        "chunks": figures.chunks,
        "chunks_per_s": round(figures.chunks_per_s, 1),
        "megabytes": round(figures.megabytes, 3),
        "tokens": figures.tokens,
        "cost_usd": round(figures.usd, USD_DECIMALS),
    }


def list_embedding_figures(evaluations: Sequence[Evaluation]) -> tuple[EmbeddingFigures, ...]:
    """Return what each measured profile costs, each profile once."""
    measured = {one.profile: one.embedding for one in evaluations if one.embedding is not None}
    return tuple(measured.values())


def embedding_rows(evaluations: Sequence[Evaluation]) -> list[tuple[str, ...]]:
    """Build the rows of the table with the columns `EMBEDDING_COLUMNS`, one per profile."""
    return [
        (
            figures.profile.name,
            figures.profile.model,
            str(figures.profile.dimensions),
            figures.profile.quantization or "full",
            str(figures.chunks),
            f"{figures.chunks_per_s:.1f}",
            f"{figures.megabytes:.2f}",
            str(figures.tokens),
            f"{figures.usd:.4f}",
        )
        for figures in list_embedding_figures(evaluations)
    ]


def join_evaluations(evaluations: Sequence[Evaluation]) -> Evaluation:
    """Join evaluations of one collection; methods are named by profile, recall and reranker where these differ."""
    profiles = len({one.profile for one in evaluations}) > 1
    modes = tuple(dict.fromkeys(one.recall for one in evaluations))
    methods: list[MethodResult] = []
    for one in evaluations:
        parts = (one.profile if profiles else "", one.recall if len(modes) > 1 else "")
        methods += [replace(each, method=" · ".join(filter(None, (*parts, each.method)))) for each in one.methods]
    return replace(evaluations[0], recall=", ".join(modes), methods=tuple(methods))


def evaluation_rows(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """Build the rows of the table with the columns `COLUMNS`, one per method."""
    return [
        (
            result.method,
            f"{result.ndcg_at_10:.3f}",
            f"{result.mrr_at_10:.3f}",
            f"{result.recall_at_50:.3f}",
            f"{result.p50_ms:.1f}",
            f"{result.p95_ms:.1f}",
            str(result.usage.calls),
            str(result.tokens),
            f"{result.usage.cost_usd:.4f}",
            f"{usd_per_thousand_questions(result.usage, evaluation.questions):.2f}",
        )
        for result in evaluation.methods
    ]


DIFFERENCE_COLUMNS = ("nDCG@10", "first method", "method", "question")


def difference_rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """Build the rows of the table of differences with the columns `DIFFERENCE_COLUMNS`."""
    return [(f"{one.after:.3f}", f"{one.before:.3f}", comparison.method, one.text) for one in comparison.largest]


def format_notes(evaluation: Evaluation) -> list[str]:
    """Format notes about the figures: missing documents, fallbacks, unscored candidates, missing prices."""
    lines = list(evaluation.remarks)
    if evaluation.missing:
        some = ", ".join(evaluation.missing[:5]) + (" …" if len(evaluation.missing) > 5 else "")
        lines.append(
            f"{len(evaluation.missing)} documents are empty or could not be ingested ({some}); "
            "they count as never found."
        )
    for result in evaluation.methods:
        if result.fallbacks:
            lines.append(
                f"{result.method}: a fallback replaced it in whole or in part on {result.fallbacks} of "
                f"{evaluation.questions} questions."
            )
        if result.unscored:
            lines.append(
                f"{result.method}: {result.unscored} candidates have no usable score and kept their incoming order."
            )
        if result.usage.calls and not result.usage.cost_usd:
            lines.append(f"{result.method}: its calls have no price and count as free. Set REFDESK_PRICES.")
    return lines
