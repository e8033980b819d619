"""The method `auto`: a cross-encoder where one is loaded, another method otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.ports import Reranker
from pipeline.types import Candidate, RerankResult


class AutoReranker:
    """Ranks with a cross-encoder if its model is loaded, otherwise with the method that needs no other model."""

    method = "auto"

    def __init__(self, cross_encoder: Reranker, otherwise: Reranker, is_usable: Callable[[], bool]) -> None:
        """Create the reranker.

        Args:
            cross_encoder: Used if its model is loaded.
            otherwise: Used until then, and where no model can be loaded.
            is_usable: Returns whether the model is loaded.
        """
        self.cross_encoder = cross_encoder
        self.otherwise = otherwise
        self.is_usable = is_usable

    def rerank(
        self,
        question: str,
        candidates: Sequence[Candidate],
        *,
        deadline_s: float,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> RerankResult:
        """Rerank with the current method, whose name the result has."""
        chosen = self.cross_encoder if self.is_usable() else self.otherwise
        return chosen.rerank(question, candidates, deadline_s=deadline_s, on_progress=on_progress)
