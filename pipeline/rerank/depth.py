"""Limit the number of candidates that a reranker reads; the others follow in their recall order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from pipeline.ports import Reranker
from pipeline.rerank.reasons import Explanation, explain_with
from pipeline.rerank.results import UNSCORED, append_unread, rank_by_recall
from pipeline.types import Candidate, RerankResult, Usage

LATE_INTERACTION_DEPTH = 40
"""Candidates that `late-interaction` reads unless a cascade names a number: the smallest depth (in steps of 5) at which
nDCG@10 of no collection in docs/evaluation.md differs by more than 0.002 from reading 50."""


class DepthLimit:
    """Lets a reranker read only the first candidates of recall, whose number is its cost."""

    def __init__(self, reranker: Reranker, depth: int) -> None:
        """Limit a reranker to the first `depth` candidates."""
        self.reranker = reranker
        self.method = reranker.method
        self._depth = depth

    def rerank(
        self,
        question: str,
        candidates: Sequence[Candidate],
        *,
        deadline_s: float,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> RerankResult:
        """Rerank the first candidates and append the others; if none was scored, none has a score."""
        head = candidates[: self._depth]
        result = self.reranker.rerank(question, head, deadline_s=deadline_s, on_progress=on_progress)
        failed = all(UNSCORED in ranked.flags for ranked in result.ranked)
        unread = rank_by_recall(candidates, "none", (UNSCORED,) if failed else ())[len(head) :]
        return replace(result, ranked=append_unread(result.ranked, unread))

    def explain(self, question: str, passages: Sequence[Candidate], *, deadline_s: float, spent: Usage) -> Explanation:
        """Return the reasons of the reranker."""
        return explain_with(self.reranker, question, passages, deadline_s=deadline_s, spent=spent)
