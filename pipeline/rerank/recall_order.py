"""The method `none`: the order of recall is the order of the result."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.rerank.results import rank_by_recall
from pipeline.types import Candidate, RerankResult


class RecallOrderReranker:
    """Changes nothing; costs nothing; cannot fail."""

    method = "none"

    def rerank(
        self,
        question: str,
        candidates: Sequence[Candidate],
        *,
        deadline_s: float,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> RerankResult:
        """Keep the order of recall, with its scores scaled to 0..1."""
        return RerankResult(ranked=rank_by_recall(candidates, self.method), method=self.method)
