"""Scaling raw scores."""

from __future__ import annotations

from pipeline.rerank.score_scaling import sigmoid, standardize


def test_standardize() -> None:
    assert standardize([1.0, 3.0]) == [-1.0, 1.0]
    assert standardize([2.0, 2.0]) == [0.0, 0.0]
    assert standardize([]) == []


def test_sigmoid__does_not_overflow() -> None:
    assert (sigmoid(0.0), sigmoid(1e6), sigmoid(-1e6)) == (0.5, 1.0, 0.0)
