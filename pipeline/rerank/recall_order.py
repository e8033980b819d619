"""The method `none`: keep the order of recall."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.rerank.results import rank_by_recall
from pipeline.types import Candidate, RerankResult


class RecallOrderReranker:
    """Keeps the order of recall. It has no costs and cannot fail."""

    method = "none"

    def rerank(
        self,
        question: str,
        candidates: Sequence[Candidate],
        *,
        deadline_s: float,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> RerankResult:
        """Return the candidates in recall order, with the recall scores scaled to 0..1."""
        return RerankResult(ranked=rank_by_recall(candidates, self.method), method=self.method)
