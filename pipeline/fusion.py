"""Fusion of dense and keyword scores."""

from __future__ import annotations

from collections.abc import Sequence


def compute_keyword_weight(dense_weight: float, present: float) -> float:
    """Return the weight of the keyword scores in the fused score.

    The best match of few words of a question would otherwise count as much as one of all words. An English question
    about Chinese documents shares names and numbers with them at most, and these occur in many passages.

    Args:
        dense_weight: Share of the question that the embedding model reads. What it cannot read, only keywords can find.
        present: Share of the question's terms that the library contains, weighted by their rarity.
    """
    return 1 - dense_weight * (1 - present)


def fuse_scores(
    dense: Sequence[float],
    keyword: Sequence[float],
    *,
    dense_average: float,
    dense_weight: float,
    keyword_weight: float = 1.0,
) -> list[float]:
    """Fuse dense and keyword scores of the same candidates; decision 0012 has the measurements.

    Both are scaled so that 0 is an average passage of the collection and 1 the best candidate. BM25 scores an average
    passage near zero, so its zero is kept.
    """
    dense_unit = max(dense, default=0.0) - dense_average
    keyword_unit = max(keyword, default=0.0)
    return [
        (
            dense_weight * ((similarity - dense_average) / dense_unit if dense_unit > 0 else 0.0)
            + keyword_weight * (score / keyword_unit if keyword_unit > 0 else 0.0)
        )
        / (dense_weight + keyword_weight)
        for similarity, score in zip(dense, keyword, strict=True)
    ]
