"""Metrics by trec_eval's definitions, computed by pytrec_eval; nothing here knows a database or a model.

The average runs over all judged questions, as with `trec_eval -c`: a question for which a method brings nothing counts
as 0, and so does one without any relevant document (trec_eval keeps those too). Otherwise a method could better its
figure by answering less.
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
"""Random cases of a significance test; enough to tell p values of 0.05 and 0.04 apart."""
RESAMPLE_BATCH = 500
"""Cases held in memory at once."""


@dataclass(frozen=True, slots=True)
class Quality:
    """How good the rankings of one method are, on average over the judged questions."""

    ndcg_at_10: float
    mrr_at_10: float
    recall_at_50: float


def require_pytrec_eval() -> None:
    """Raise `MissingExtra` when pytrec_eval is not installed; asked before hours of work, not after."""
    _pytrec_eval()


def measure_quality(qrels: Mapping[str, Mapping[str, int]], rankings: Mapping[str, Sequence[str]]) -> Quality:
    """Measure rankings (for each question its documents, best first) against the judgements.

    Raises `MissingExtra` when pytrec_eval is not installed.
    """
    return Quality(
        ndcg_at_10=_mean(qrels, rankings, "ndcg_cut.10"),
        mrr_at_10=_mean(
            qrels, {question: documents[:MRR_DEPTH] for question, documents in rankings.items()}, "recip_rank"
        ),
        recall_at_50=_mean(qrels, rankings, "recall.50"),
    )


def p_value(gains: Sequence[float]) -> float:
    """Say how likely chance alone makes a mean difference this large, by the paired randomization test, two-sided.

    `gains` are the differences of one metric between two methods, one for each question. Fisher's test asks nothing of
    their distribution and is the one that Smucker et al. (2007) recommend for such comparisons. With up to 13 questions
    that differ it is exact, above that it draws, the same cases every time. 1 where fewer than two differ.
    """
    from scipy.stats import permutation_test

    # Questions without a difference change no sum; without them more of the cases fit into an exact test.
    values = [gain for gain in gains if gain]
    if len(values) < 2:
        return 1.0  # one coin shows its one side or the other; SciPy refuses such a test
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
    """Give nDCG@10 of every judged question."""
    return _by_question(qrels, rankings, "ndcg_cut.10")


def percentile(values: Sequence[float], percent: float) -> float:
    """Give the nearest-rank percentile: the smallest value that at least `percent` of all values do not exceed."""
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
        raise MissingExtra('Measuring needs pytrec_eval; install it with `pip install "refdesk[evaluate]"`.') from None
    return pytrec_eval


def _scores(documents: Sequence[str]) -> dict[str, float]:
    # trec_eval sorts by score and breaks ties by document id, so the order is passed as scores that all differ.
    scores: dict[str, float] = {}
    for document in documents:
        scores.setdefault(document, -float(len(scores)))
    return scores
