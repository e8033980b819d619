"""Fusion of dense and keyword scores."""

from __future__ import annotations

from collections.abc import Sequence

KEYWORD_WEIGHT = 0.7
"""Limit of the weight of keywords; decision 0012 has the measurements."""


def compute_keyword_weight(dense_weight: float, coverage: float) -> float:
    """Return the weight of the keyword scores in the fused score.

    Keyword scores are relative to the best candidate, which may contain few words of the question: an English question
    about Chinese documents shares names and numbers with them at most.

    Args:
        dense_weight: Share of the question that the embedding model reads. What it cannot read, only keywords can find.
        coverage: BM25 score of the best candidate, relative to the limit of the scores for this question.
    """
    return KEYWORD_WEIGHT * (1 - dense_weight * (1 - coverage))


def fuse_scores(
    dense: Sequence[float],
    keyword: Sequence[float],
    *,
    dense_average: float,
    dense_weight: float,
    keyword_weight: float,
) -> list[float]:
    """Fuse dense and keyword scores of the same candidates; decision 0012 has the measurements.

    Both are scaled so that 0 is an average passage of the collection. For similarities 1 is an identical text, and for
    BM25, whose largest value depends on the question, the best candidate. BM25 scores an average passage near zero, so
    its zero is kept.
    """
    dense_unit = 1 - dense_average
    keyword_unit = max(keyword, default=0.0)
    return [
        (
            dense_weight * ((similarity - dense_average) / dense_unit if dense_unit > 0 else 0.0)
            + keyword_weight * (score / keyword_unit if keyword_unit > 0 else 0.0)
        )
        / (dense_weight + keyword_weight)
        for similarity, score in zip(dense, keyword, strict=True)
    ]
