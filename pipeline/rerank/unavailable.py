"""A reranker that cannot work with the current settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.errors import ModelUnavailable
from pipeline.types import Candidate, RerankResult


class UnavailableReranker:
    """Stands in for a method whose settings are missing, so that its fallback is recorded with the reason."""

    def __init__(self, method: str, reason: str) -> None:
        """Create the stand-in.

        Args:
            method: The method's name.
            reason: One sentence: what is missing and how to fix it.
        """
        self.method = method
        self._reason = reason

    def rerank(
        self,
        question: str,
        candidates: Sequence[Candidate],
        *,
        deadline_s: float,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> RerankResult:
        """Raise `ModelUnavailable` with the reason; the next method of the fallback chain is used."""
        raise ModelUnavailable(self._reason)
