"""Scale the raw scores of models: logits and probabilities to 0..1, or to mean 0 and standard deviation 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, pstdev

from pipeline.rerank.results import CandidateScore


def sigmoid(logit: float) -> float:
    """Return the logistic function of a logit, without overflow for large values."""
    if logit >= 0:
        return 1.0 / (1.0 + math.exp(-logit))
    exponential = math.exp(logit)
    return exponential / (1.0 + exponential)


def standardize(values: Sequence[float]) -> list[float]:
    """Scale values to mean 0 and standard deviation 1; all zeros if the values are equal."""
    mean = fmean(values) if values else 0.0
    deviation = pstdev(values, mean) if values else 0.0
    return [(value - mean) / deviation if deviation > 0 else 0.0 for value in values]


def scale_scores(scores: Sequence[float | None]) -> list[CandidateScore]:
    """Scale the scores of one reply to 0..1; None stays unscored.

    Scores that already are within 0..1 stay as they are. If one score lies outside, all are logits and go through the
    sigmoid: mixing probabilities and logits would change the order.
    """
    logits = any(score is not None and not 0.0 <= score <= 1.0 for score in scores)
    return [
        CandidateScore(None) if score is None else CandidateScore(sigmoid(score) if logits else score, raw_score=score)
        for score in scores
    ]
