"""Recall from a run: the results of another system replace the keyword recall of the store.

`keyword` keeps the order of the run, `dense` orders its documents by cosine similarity, and `hybrid` fuses both scores
as the store does. This compares the three orders with each other and with rerankers on the same candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from evaluation.datasets import Question, Run
from pipeline.fusion import KEYWORD_WEIGHT, fuse_scores
from pipeline.ports import Vocabulary
from pipeline.recall import compute_dense_weight
from pipeline.types import Candidate, RecallMode, RecallResult

ChunksOf = Callable[[Sequence[str]], Mapping[str, Sequence[Candidate]]]
"""Returns the chunks of documents by the document IDs of the dataset, without ranks and scores."""
DenseScores = Callable[[str, Sequence[int]], Mapping[int, float]]
"""Returns the cosine similarity of chunks to a question."""


@dataclass(frozen=True, slots=True)
class RunRecall:
    """Recalls the chunks of a run's Top-N documents, in the order of the mode."""

    run: Run
    mode: RecallMode
    top_n: int
    chunks_of: ChunksOf
    dense_scores: DenseScores
    vocabulary: Vocabulary | None = None

    def __call__(self, question: Question) -> RecallResult:
        """Recall the candidates of one question."""
        entries = self.run.rankings.get(question.id, ())[: self.top_n]
        chunks = self.chunks_of([entry.document_id for entry in entries])
        candidates = [
            replace(chunk, keyword_rank=rank, keyword_score=entry.score)
            for rank, entry in enumerate(entries, start=1)
            for chunk in chunks.get(entry.document_id, ())
        ]
        if self.mode != "keyword" and candidates:
            candidates = _with_dense_ranks(
                candidates, self.dense_scores(question.text, [candidate.chunk_id for candidate in candidates])
            )
        scores = self._scores(question.text, candidates)
        scored = [replace(candidate, recall_score=score) for candidate, score in zip(candidates, scores, strict=True)]
        # Equal scores are ordered by dense rank, as in the store; without one the sort keeps the order of the run.
        scored.sort(key=lambda candidate: (-candidate.recall_score, candidate.dense_rank or len(scored) + 1))
        ranked = tuple(replace(candidate, recall_rank=rank) for rank, candidate in enumerate(scored, start=1))
        return RecallResult(ranked, requested=self.top_n, plan=f"run {self.run.name}")

    def _scores(self, question: str, candidates: Sequence[Candidate]) -> Sequence[float]:
        by_run = [candidate.keyword_score or 0.0 for candidate in candidates]
        if self.mode == "keyword":
            return by_run
        by_vector = [-1.0 if candidate.dense_score is None else candidate.dense_score for candidate in candidates]
        if self.mode == "dense" or not candidates:
            return by_vector
        # Some systems return negative scores; BM25 scores start at zero.
        lowest = min(0.0, *by_run)
        return fuse_scores(
            by_vector,
            [score - lowest for score in by_run],
            dense_average=fmean(by_vector),
            dense_weight=compute_dense_weight(question, self.vocabulary),
            keyword_weight=KEYWORD_WEIGHT,  # the largest possible score of another system is unknown
        )


def _with_dense_ranks(candidates: Sequence[Candidate], scores: Mapping[int, float]) -> list[Candidate]:
    order = sorted(scores, key=lambda chunk_id: (-scores[chunk_id], chunk_id))
    ranks = {chunk_id: rank for rank, chunk_id in enumerate(order, start=1)}
    return [
        replace(candidate, dense_rank=ranks.get(candidate.chunk_id), dense_score=scores.get(candidate.chunk_id))
        for candidate in candidates
    ]
