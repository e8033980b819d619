"""Fusion of dense and keyword scores."""

from __future__ import annotations

from collections.abc import Sequence


def fuse_scores(
    dense: Sequence[float], keyword: Sequence[float], *, dense_average: float, dense_weight: float
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
            + (score / keyword_unit if keyword_unit > 0 else 0.0)
        )
        / (dense_weight + 1)
        for similarity, score in zip(dense, keyword, strict=True)
    ]
