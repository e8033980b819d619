"""Metrics with trec_eval's definitions, computed by pytrec_eval.

Averages are over all judged questions, as with `trec_eval -c`: a question without results counts as 0, and so does one
without relevant documents (trec_eval keeps those too). Otherwise a method could improve its average by returning
nothing for hard questions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from pipeline.errors import MissingExtra

MRR_DEPTH = 10
MAX_RESAMPLES = 9_999
"""Resamples of the significance test; enough to distinguish p values of 0.05 and 0.04."""
RESAMPLE_BATCH = 500
"""Resamples per batch, which limits the memory."""


@dataclass(frozen=True, slots=True)
class Quality:
    """Average metrics of one method over the judged questions."""

    ndcg_at_10: float
    mrr_at_10: float
    recall_at_50: float


def require_pytrec_eval() -> None:
    """Raise `MissingExtra` if pytrec_eval is not installed. Called before the work starts."""
    _pytrec_eval()


def measure_quality(qrels: Mapping[str, Mapping[str, int]], rankings: Mapping[str, Sequence[str]]) -> Quality:
    """Measure rankings (the documents of each question, best first) against the judgements.

    Raises:
        MissingExtra: pytrec_eval is not installed.
    """
    return Quality(
        ndcg_at_10=_mean(qrels, rankings, "ndcg_cut.10"),
        mrr_at_10=_mean(
            qrels, {question: documents[:MRR_DEPTH] for question, documents in rankings.items()}, "recip_rank"
        ),
        recall_at_50=_mean(qrels, rankings, "recall.50"),
    )


def p_value(gains: Sequence[float]) -> float:
    """Return the two-sided p value of Fisher's paired randomization test.

    The test makes no assumption about the distribution; Smucker et al. (2007) recommend it for comparing retrieval
    methods. It is exact for up to 13 questions that differ, above that it uses a fixed random sample.

    Args:
        gains: Difference of one metric between two methods, one value per question.

    Returns:
        The p value; 1 if fewer than two questions differ.
    """
    from scipy.stats import permutation_test

    # Questions without a difference do not change the mean difference; without them the test is exact more often.
    values = [gain for gain in gains if gain]
    if len(values) < 2:
        return 1.0  # SciPy rejects a test of a single pair
    tested = permutation_test(
        (values, [0.0] * len(values)),
        _mean_gain,
        permutation_type="samples",
        vectorized=True,
        n_resamples=MAX_RESAMPLES,
        batch=RESAMPLE_BATCH,
        rng=0,
    )
    return float(tested.pvalue)


def _mean_gain(first: Any, second: Any, axis: int) -> Any:
    return (first - second).mean(axis=axis)


def ndcg_by_question(qrels: Mapping[str, Mapping[str, int]], rankings: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Return nDCG@10 of every judged question."""
    return _by_question(qrels, rankings, "ndcg_cut.10")


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the nearest-rank percentile: the smallest value that at least `percent` % of the values do not exceed."""
    if not values:
        return 0.0
    rank = max(1, math.ceil(len(values) * percent / 100))
    return sorted(values)[rank - 1]


def _mean(qrels: Mapping[str, Mapping[str, int]], rankings: Mapping[str, Sequence[str]], measure: str) -> float:
    values = _by_question(qrels, rankings, measure)
    return math.fsum(values.values()) / len(values) if values else 0.0


def _by_question(
    qrels: Mapping[str, Mapping[str, int]], rankings: Mapping[str, Sequence[str]], measure: str
) -> dict[str, float]:
    run = {question: _scores(rankings.get(question, ())) for question in qrels}
    evaluator = _pytrec_eval().RelevanceEvaluator(
        {question: dict(grades) for question, grades in qrels.items()}, {measure}
    )
    results: Mapping[str, Mapping[str, float]] = evaluator.evaluate(run)
    key = measure.replace(".", "_")
    return {question: float(results[question][key]) for question in qrels}


def _pytrec_eval() -> ModuleType:
    try:
        import pytrec_eval
    except ImportError:
        raise MissingExtra.for_part("the evaluation", "evaluate") from None
    return pytrec_eval


def _scores(documents: Sequence[str]) -> dict[str, float]:
    # trec_eval sorts by score and breaks ties by document ID, so the order is passed as distinct scores.
    scores: dict[str, float] = {}
    for document in documents:
        scores.setdefault(document, -float(len(scores)))
    return scores
