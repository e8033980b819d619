"""The cache of token vectors: what is encoded again, what is dropped."""

from __future__ import annotations

import numpy as np

from pipeline.backends.models.token_vector_cache import TokenVectorCache


class Model:
    """Returns one row per word and records the texts."""

    def __init__(self):
        self.encoded = []

    def encode_tokens(self, texts):
        self.encoded.append(list(texts))
        return [np.full((len(text.split()), 4), 0.5, dtype=np.float32) for text in texts]


ROW = 4 * 2
"""Bytes of one cached row of four half-precision numbers."""


def test_encode_tokens__encodes_each_text_once():
    model = Model()
    cache = TokenVectorCache(model, max_bytes=1000)
    first = cache.encode_tokens(["a b", "c", "a b"])
    second = cache.encode_tokens(["c", "d", "a b"])
    assert model.encoded == [["a b", "c"], ["d"]]
    assert [matrix.shape for matrix in (*first, *second)] == [(2, 4), (1, 4), (2, 4), (1, 4), (1, 4), (2, 4)]
    assert all(matrix.dtype == np.float32 for matrix in (*first, *second))
    np.testing.assert_allclose(first[0], second[2])


def test_encode_tokens__all_known_does_not_call_the_model():
    model = Model()
    cache = TokenVectorCache(model, max_bytes=1000)
    cache.encode_tokens(["a"])
    cache.encode_tokens(["a"])
    assert model.encoded == [["a"]]


def test_encode_tokens__drops_the_least_recently_used():
    model = Model()
    cache = TokenVectorCache(model, max_bytes=2 * ROW)
    cache.encode_tokens(["a"])
    cache.encode_tokens(["b"])
    cache.encode_tokens(["a"])
    cache.encode_tokens(["c"])
    assert cache.cached_bytes == 2 * ROW
    cache.encode_tokens(["a", "b"])
    assert model.encoded == [["a"], ["b"], ["c"], ["b"]]


def test_encode_tokens__returns_more_than_fits_into_the_cache():
    model = Model()
    cache = TokenVectorCache(model, max_bytes=ROW)
    assert len(cache.encode_tokens(["a", "b", "c d e"])) == 3
    assert cache.cached_bytes <= ROW


def test_encode_tokens__limit_zero_caches_nothing():
    model = Model()
    cache = TokenVectorCache(model, max_bytes=0)
    cache.encode_tokens(["a"])
    cache.encode_tokens(["a"])
    assert model.encoded == [["a"], ["a"]]
