"""An embedding endpoint whose calls are checked against the spending limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.budget import Budget
from pipeline.ports import Embedder, Matrix
from pipeline.types import EmbeddingProfile


class LimitedEmbedder:
    """An `Embedder` that reserves the cost of each call before it is made."""

    def __init__(self, embedder: Embedder, budget: Budget, spent_usd: Callable[[], float]) -> None:
        """Wrap an embedder.

        Args:
            embedder: The endpoint's client.
            budget: The limits of the question.
            spent_usd: Returns what was spent on the question so far, in this attempt.
        """
        self._embedder = embedder
        self._budget = budget
        self._spent_usd = spent_usd

    @property
    def profile(self) -> EmbeddingProfile:
        """The profile of the vectors."""
        return self._embedder.profile

    def encode(self, texts: Sequence[str]) -> Matrix:
        """Embed texts that already have their prefixes; raise `BudgetExceeded` if a hard limit does not allow it."""
        self._budget.reserve_embedding(texts, self._spent_usd())
        return self._embedder.encode(texts)
