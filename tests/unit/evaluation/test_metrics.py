"""Metrics compared with values calculated by hand."""

from __future__ import annotations

import math

import pytest

from evaluation.metrics import measure_quality, p_value, percentile
from tests.required_libraries import require_library

require_library("pytrec_eval", "the extra `evaluate` is not installed")


def test_measure_quality__graded_relevance():
    qrels = {"q": {"a": 3, "b": 1, "c": 0}}
    measured = measure_quality(qrels, {"q": ["x", "b", "a"]})
    gained = 1 / math.log2(3) + 3 / math.log2(4)
    ideal = 3 / math.log2(2) + 1 / math.log2(3)
    assert measured.ndcg_at_10 == pytest.approx(gained / ideal)
    assert measured.mrr_at_10 == pytest.approx(1 / 2)
    assert measured.recall_at_50 == 1.0


def test_measure_quality__perfect_order_is_one():
    measured = measure_quality({"q": {"a": 2, "b": 1}}, {"q": ["a", "b", "c"]})
    assert (measured.ndcg_at_10, measured.mrr_at_10, measured.recall_at_50) == (1.0, 1.0, 1.0)


def test_measure_quality__first_relevant_at_eleven_counts_nothing_at_ten():
    ranking = [f"x{i}" for i in range(10)] + ["a"]
    measured = measure_quality({"q": {"a": 1}}, {"q": ranking})
    assert (measured.ndcg_at_10, measured.mrr_at_10, measured.recall_at_50) == (0.0, 0.0, 1.0)


def test_measure_quality__first_relevant_at_ten_still_counts():
    ranking = [f"x{i}" for i in range(9)] + ["a"]
    measured = measure_quality({"q": {"a": 1}}, {"q": ranking})
    assert measured.mrr_at_10 == pytest.approx(0.1)
    assert measured.ndcg_at_10 == pytest.approx(1 / math.log2(11))


def test_measure_quality__recall_looks_at_fifty():
    qrels = {"q": {"a": 1, "b": 1}}
    at_fifty = ["a"] + [f"x{i}" for i in range(48)] + ["b"]
    at_fifty_one = ["a"] + [f"x{i}" for i in range(49)] + ["b"]
    assert measure_quality(qrels, {"q": at_fifty}).recall_at_50 == 1.0
    assert measure_quality(qrels, {"q": at_fifty_one}).recall_at_50 == 0.5


def test_measure_quality__question_without_ranking_counts_as_zero():
    qrels = {"q1": {"a": 1}, "q2": {"a": 1}, "q3": {"a": 1}}
    assert measure_quality(qrels, {"q1": ["a"], "q2": []}).ndcg_at_10 == pytest.approx(1 / 3)


def test_measure_quality__question_without_positives_counts_as_zero():
    assert measure_quality({"q1": {"a": 1}, "q2": {"a": 0}}, {"q1": ["a"], "q2": ["a"]}).mrr_at_10 == 0.5


def test_measure_quality__unjudged_question_is_left_out():
    assert measure_quality({"q1": {"a": 1}}, {"q1": ["a"], "q2": ["b"]}).ndcg_at_10 == 1.0


def test_measure_quality__keeps_the_given_order():
    # With equal scores trec_eval puts the larger document ID first.
    assert measure_quality({"q": {"a": 1}}, {"q": ["a", "b", "c"]}).mrr_at_10 == 1.0
    assert measure_quality({"q": {"c": 1}}, {"q": ["a", "b", "c"]}).mrr_at_10 == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([5.0], 95, 5.0),
        ([4.0, 1.0, 3.0, 2.0], 50, 2.0),
        ([float(i) for i in range(1, 101)], 95, 95.0),
        ([float(i) for i in range(1, 21)], 95, 19.0),
        ([], 50, 0.0),
    ],
)
def test_percentile__nearest_rank(values, percent, expected):
    assert percentile(values, percent) == expected


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ([], 1.0),
        ([0.0, 0.0, 0.0], 1.0),
        ([0.3], 1.0),
        ([0.3, 0.0, 0.0], 1.0),
        # All signs are equal: of the 2^n sign patterns, only this one and its mirror image are as extreme.
        ([0.1, 0.2, 0.3, 0.4, 0.5], 2 / 2**5),
        ([-0.1] * 8 + [0.0] * 100, 2 / 2**8),
        ([0.2, -0.2], 1.0),
    ],
)
def test_p_value__exact_for_few_questions(gains, expected):
    assert p_value(gains) == pytest.approx(expected)


def test_p_value__is_deterministic():
    gains = [0.1 * (n % 5 - 1) for n in range(60)]
    assert p_value(gains) == p_value(gains) < 0.001
    assert p_value([0.1, -0.1] * 30) > 0.9
