"""Measure methods in parallel: one recall per question, then every reranker on the same candidates.

Judgements are about documents, rankings about chunks; a document counts with its best chunk.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from evaluation import cost
from evaluation.datasets import Question
from evaluation.metrics import measure_quality, ndcg_by_question, percentile
from pipeline.ports import Reranker
from pipeline.types import Candidate, RecallResult, RerankResult, Usage
from pipeline.usage import measure_usage

Recall = Callable[[Question], RecallResult]
"""Recalls the candidates of a question."""
DocumentOf = Callable[[Candidate], str]
"""Returns the ID that the judgements use for a candidate's document."""
Progress = Callable[[int, int], None]
"""Called with the number of finished questions and the total."""


@dataclass(frozen=True, slots=True)
class MethodResult:
    """The results of one method."""

    method: str
    ndcg_at_10: float
    mrr_at_10: float
    recall_at_50: float
    p50_ms: float
    """Median time of recall and reranking together."""
    p95_ms: float
    usage: Usage
    """Of embedding the questions with an endpoint and of reranking."""
    fallbacks: int
    """Questions with a fallback."""
    unscored: int
    """Candidates without a usable score."""
    rankings: Mapping[str, tuple[str, ...]] = field(repr=False)
    """The documents of each question, best first."""
    ndcg_of: Mapping[str, float] = field(default_factory=dict, repr=False)
    """nDCG@10 of each judged question."""

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens together."""
        return cost.total_tokens(self.usage)


@dataclass(slots=True)
class _MethodTotals:
    """The values collected for one method during the measurement."""

    rankings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    elapsed_ms: list[float] = field(default_factory=list)
    usages: list[Usage] = field(default_factory=list)
    fallbacks: int = 0
    unscored: int = 0


def measure_methods(
    questions: Sequence[Question],
    qrels: Mapping[str, Mapping[str, int]],
    *,
    recall: Recall,
    rerankers: Mapping[str, Reranker],
    document_of: DocumentOf,
    deadline_s: float,
    on_progress: Progress | None = None,
) -> tuple[MethodResult, ...]:
    """Recall each question once and rerank its candidates with every method."""
    tallies = {method: _MethodTotals() for method in rerankers}
    _warm_up(questions, recall, rerankers, deadline_s)
    for done, question in enumerate(questions, start=1):
        started = time.perf_counter()
        with measure_usage() as embedding:
            recalled = recall(question)
        recall_ms = (time.perf_counter() - started) * 1000
        for method, reranker in rerankers.items():
            started = time.perf_counter()
            reranking = _rerank(reranker, question, recalled, deadline_s)
            elapsed_ms = recall_ms + (time.perf_counter() - started) * 1000
            usage = embedding.usage + reranking.usage
            _record(tallies[method], question, replace(reranking, usage=usage), elapsed_ms, document_of)
        if on_progress is not None:
            on_progress(done, len(questions))
    return tuple(_build_result(method, tally, qrels) for method, tally in tallies.items())


def documents_in_order(candidates: Iterable[Candidate], document_of: DocumentOf) -> tuple[str, ...]:
    """Convert ranked chunks to ranked documents; the best chunk of a document decides its rank."""
    return tuple(dict.fromkeys(document_of(candidate) for candidate in candidates))


def _warm_up(
    questions: Sequence[Question], recall: Recall, rerankers: Mapping[str, Reranker], deadline_s: float
) -> None:
    # Models load and caches fill on first use, which must not count toward a question. A single candidate is enough and
    # keeps paid methods cheap.
    for question in questions[:1]:
        first = recall(question).candidates[:1]
        for reranker in rerankers.values():
            if first:
                reranker.rerank(question.text, first, deadline_s=deadline_s)


def _rerank(reranker: Reranker, question: Question, recalled: RecallResult, deadline_s: float) -> RerankResult:
    if not recalled.candidates:
        return RerankResult((), reranker.method)
    return reranker.rerank(question.text, recalled.candidates, deadline_s=deadline_s)


def _record(
    tally: _MethodTotals, question: Question, reranking: RerankResult, elapsed_ms: float, document_of: DocumentOf
) -> None:
    in_order = (ranked.candidate for ranked in sorted(reranking.ranked, key=lambda ranked: ranked.rank))
    tally.rankings[question.id] = documents_in_order(in_order, document_of)
    tally.elapsed_ms.append(elapsed_ms)
    tally.usages.append(reranking.usage)
    tally.fallbacks += bool(reranking.fallbacks)
    tally.unscored += sum("unscored" in ranked.flags for ranked in reranking.ranked)


def _build_result(method: str, tally: _MethodTotals, qrels: Mapping[str, Mapping[str, int]]) -> MethodResult:
    measured = measure_quality(qrels, tally.rankings)
    return MethodResult(
        method=method,
        ndcg_at_10=measured.ndcg_at_10,
        mrr_at_10=measured.mrr_at_10,
        recall_at_50=measured.recall_at_50,
        p50_ms=percentile(tally.elapsed_ms, 50),
        p95_ms=percentile(tally.elapsed_ms, 95),
        usage=cost.sum_usage(tally.usages),
        fallbacks=tally.fallbacks,
        unscored=tally.unscored,
        rankings=tally.rankings,
        ndcg_of=ndcg_by_question(qrels, tally.rankings),
    )
