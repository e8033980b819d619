"""Fusion of dense and keyword scores."""

import pytest

from pipeline.fusion import compute_keyword_weight, fuse_scores


def test_fuse_scores__zero_is_an_average_passage_and_one_the_best() -> None:
    assert fuse_scores([0.9, 0.5, 0.1], [0.0, 8.0, 4.0], dense_average=0.1, dense_weight=1.0) == pytest.approx(
        [0.5, 0.75, 0.25]
    )
    assert fuse_scores([0.9, 0.5], [0.0, 8.0], dense_average=0.1, dense_weight=0.0) == pytest.approx([0.0, 1.0])


def test_compute_keyword_weight__lower_for_terms_that_the_library_lacks_and_the_model_reads() -> None:
    assert compute_keyword_weight(1.0, 1.0) == 1.0
    assert compute_keyword_weight(1.0, 0.25) == 0.25
    assert compute_keyword_weight(0.5, 0.0) == 0.5
    assert compute_keyword_weight(0.0, 0.0) == 1.0, "only keywords can find it"


def test_fuse_scores__mean_by_weights() -> None:
    fused = fuse_scores([0.9, 0.1], [0.0, 8.0], dense_average=0.1, dense_weight=1.0, keyword_weight=0.25)
    assert fused == pytest.approx([0.8, 0.2])


def test_fuse_scores__does_not_mind_the_scale_of_a_model() -> None:
    similar, words = [0.9, 0.4, 0.2, 0.1], [3.0, 0.0, 5.0, 1.0]
    squeezed = [0.7 + 0.2 * value for value in similar]
    plain = fuse_scores(similar, words, dense_average=0.15, dense_weight=0.8)
    assert fuse_scores(squeezed, words, dense_average=0.73, dense_weight=0.8) == pytest.approx(plain)


def test_fuse_scores__leg_that_tells_nothing_apart() -> None:
    assert fuse_scores([0.3, 0.3], [0.0, 2.0], dense_average=0.3, dense_weight=1.0) == pytest.approx([0.0, 0.5])
    assert fuse_scores([0.3, 0.1], [0.0, 0.0], dense_average=0.1, dense_weight=1.0) == pytest.approx([0.5, 0.0])
    assert fuse_scores([], [], dense_average=0.0, dense_weight=1.0) == []
