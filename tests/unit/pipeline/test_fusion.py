"""Fusion of dense and keyword scores."""

import pytest

from pipeline.fusion import KEYWORD_WEIGHT, compute_keyword_weight, fuse_scores


def fuse(dense, keyword, average, dense_weight=1.0, keyword_weight=1.0):
    return pytest.approx(
        fuse_scores(dense, keyword, dense_average=average, dense_weight=dense_weight, keyword_weight=keyword_weight)
    )


def test_fuse_scores__zero_is_an_average_passage_and_one_an_identical_text_or_the_best_match() -> None:
    assert fuse([1.0, 0.55, 0.1], [0.0, 8.0, 4.0], 0.1) == [0.5, 0.75, 0.25]
    assert fuse([0.9, 0.5], [0.0, 8.0], 0.1, dense_weight=0.0) == [0.0, 1.0]
    assert fuse([1.0, 0.1], [0.0, 8.0], 0.1, keyword_weight=0.25) == [0.8, 0.2]


def test_compute_keyword_weight__lower_for_terms_that_no_passage_has_and_the_model_reads() -> None:
    assert compute_keyword_weight(1.0, 1.0) == KEYWORD_WEIGHT
    assert compute_keyword_weight(1.0, 0.25) == 0.25 * KEYWORD_WEIGHT
    assert compute_keyword_weight(0.5, 0.0) == 0.5 * KEYWORD_WEIGHT
    assert compute_keyword_weight(0.0, 0.0) == KEYWORD_WEIGHT, "only keywords can find it"


def test_fuse_scores__independent_of_the_scale_of_a_model() -> None:
    similar, words = [0.9, 0.4, 0.2, 0.1], [3.0, 0.0, 5.0, 1.0]
    squeezed = [0.8 + 0.2 * value for value in similar]
    plain = fuse_scores(similar, words, dense_average=0.15, dense_weight=0.8, keyword_weight=0.5)
    assert fuse(squeezed, words, 0.83, dense_weight=0.8, keyword_weight=0.5) == plain


def test_fuse_scores__leg_that_tells_nothing_apart() -> None:
    assert fuse([0.3, 0.3], [0.0, 2.0], 0.3) == [0.0, 0.5]
    assert fuse([1.0, 1.0], [0.0, 2.0], 1.0) == [0.0, 0.5]
    assert fuse([1.0, 0.1], [0.0, 0.0], 0.1) == [0.5, 0.0]
    assert fuse([], [], 0.0) == []
