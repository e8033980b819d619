"""Estimate what a reranker will cost for a question, before it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from pipeline.ports import Reranker
from pipeline.types import Candidate, Usage


@runtime_checkable
class CostEstimator(Protocol):
    """A reranker that has costs implements this protocol as well."""

    def estimate(self, question: str, candidates: Sequence[Candidate]) -> Usage:
        """Return an upper estimate of calls, tokens and cost."""
        ...


def estimate_usage(reranker: Reranker, question: str, candidates: Sequence[Candidate]) -> Usage:
    """Estimate the usage of a reranker; zero for one that is not a `CostEstimator`, since it runs locally."""
    return reranker.estimate(question, candidates) if isinstance(reranker, CostEstimator) else Usage()
