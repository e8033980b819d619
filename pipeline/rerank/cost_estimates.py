"""Estimates: what a reranker will cost for a question, before anybody has paid for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from pipeline.ports import Reranker
from pipeline.types import Candidate, Usage


@runtime_checkable
class CostEstimator(Protocol):
    """What a reranker that costs something can do besides reranking."""

    def estimate(self, question: str, candidates: Sequence[Candidate]) -> Usage:
        """Estimate calls, tokens and cost, rather too high than too low."""
        ...


def estimate_usage(reranker: Reranker, question: str, candidates: Sequence[Candidate]) -> Usage:
    """Estimate what a reranker will use; nothing for one that runs on this machine."""
    return reranker.estimate(question, candidates) if isinstance(reranker, CostEstimator) else Usage()
