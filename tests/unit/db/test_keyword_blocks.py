"""Blocks of postings: packing and reading return the same postings, in blocks within their limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from db.keyword_blocks import (
    BLOCK_POSTINGS,
    ENTRY_TYPE,
    OWN_BYTES,
    SHARED_BYTES,
    Postings,
    concatenate,
    cut_blocks,
    sort_and_cancel,
    unpack_blocks,
    unpack_changes,
)
from db.keyword_index import TERM_TYPE

NOTHING = Postings(*(np.zeros(0, dtype=np.int64) for _ in range(5)))


@dataclass
class Change:
    chunk_id: int
    scope_id: int
    change: int
    length: int
    terms: bytes


def change(chunk_id, scope_id, terms, sign=1, length=65_535):
    return Change(chunk_id, scope_id, sign, length, np.array(sorted(terms.items()), dtype=TERM_TYPE).tobytes())


def rows(postings):
    return list(zip(*(getattr(postings, name).tolist() for name in Postings.__slots__), strict=True))


def random_postings(rng, count=20_000, frequencies=32_768, lengths=65_536):
    term = np.minimum(rng.zipf(1.2, count), 2**31 - 1)
    term[: count // 4] = 7
    scope = rng.integers(1, 4, count)
    chunk = rng.permutation(count) + 1
    return Postings(term, scope, chunk, rng.integers(1, frequencies, count), rng.integers(1, lengths, count))


def test_changes__are_read_with_extreme_values():
    found = unpack_changes(
        [change(9, 2, {0: 1, 2**31 - 1: 32_767}), change(8, 3, {5: 2}, -1, 4), change(7, 1, {}, 1, 0)]
    )
    assert rows(found) == [(0, 2, 9, 1, 65_535), (2**31 - 1, 2, 9, 32_767, 65_535), (5, 3, 8, -2, 4)]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_blocks__contain_the_postings_in_order_and_within_the_limits(seed):
    frequencies, lengths = ((32_768, 65_536), (128, 256), (130, 300))[seed - 1]
    postings = sort_and_cancel(random_postings(np.random.default_rng(seed), frequencies=frequencies, lengths=lengths))
    blocks = cut_blocks(postings)
    assert rows(unpack_blocks(blocks)) == rows(postings)
    for block in blocks:
        size = len(block.directory) + len(block.postings)
        assert block.size <= BLOCK_POSTINGS
        assert block.first_term == block.last_term or size <= SHARED_BYTES * 8 / 6
        inside = unpack_blocks([block])
        assert block.max_frequency == inside.frequency.max()
        assert block.min_length == inside.length.min()
    widths = {len(block.postings) // block.size for block in blocks}
    assert widths == ({8}, {6}, {6, 8})[seed - 1]
    lasts = [block.last_term for block in blocks]
    assert lasts == sorted(lasts)


def test_blocks__of_a_frequent_term_contain_no_other_term():
    postings = sort_and_cancel(random_postings(np.random.default_rng(4)))
    terms, counts = np.unique(postings.term, return_counts=True)
    blocks = cut_blocks(postings)
    for term, count in zip(terms.tolist(), counts.tolist(), strict=True):
        containing = [block for block in blocks if block.first_term <= term <= block.last_term]
        if 6 * count >= OWN_BYTES:
            assert {(block.first_term, block.last_term) for block in containing} == {(term, term)}
        elif 6 * count + 3 * ENTRY_TYPE.itemsize < OWN_BYTES:
            assert len(containing) == 1


def test_cancel__pairs_disappear_wherever_they_are():
    added = unpack_changes([change(1, 1, {5: 2, 6: 1}), change(2, 1, {5: 3})])
    removed = unpack_changes([change(1, 1, {5: 2, 6: 1}, -1), change(3, 1, {5: 1}, -1)])
    again = unpack_changes([change(1, 1, {5: 2, 6: 1})])
    assert rows(sort_and_cancel(concatenate([removed, added]))) == [(5, 1, 2, 3, 65_535), (5, 1, 3, -1, 65_535)]
    assert rows(sort_and_cancel(concatenate([removed, again, added]))) == [
        (5, 1, 1, 2, 65_535),
        (5, 1, 2, 3, 65_535),
        (5, 1, 3, -1, 65_535),
        (6, 1, 1, 1, 65_535),
    ]


def test_cancel__a_move_to_another_scope_keeps_the_new_one():
    moved = unpack_changes([change(1, 1, {5: 2}), change(1, 1, {5: 2}, -1), change(1, 2, {5: 2})])
    assert rows(sort_and_cancel(moved)) == [(5, 2, 1, 2, 65_535)]


def test_directory__counts_visible_minus_invisible():
    postings = sort_and_cancel(
        unpack_changes(
            [change(1, 1, {5: 2}), change(2, 1, {5: 4}, -1), change(3, 1, {5: 1}, -1, 3), change(4, 2, {5: 9})]
        )
    )
    (block,) = cut_blocks(postings)
    assert np.frombuffer(block.directory, dtype=ENTRY_TYPE).tolist() == [(5, 1, 3, -1), (5, 2, 1, 1)]
    assert (block.max_frequency, block.min_length) == (9, 3)


def test_nothing__has_no_blocks():
    assert rows(sort_and_cancel(NOTHING)) == []
    assert cut_blocks(NOTHING) == []
    assert rows(unpack_blocks([])) == []
    assert rows(unpack_changes([])) == []
