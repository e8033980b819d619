"""Blocks of postings: sort the changes of many chunks by term, cut them into blocks, and read blocks again.

A posting is a term of a chunk in a scope. A negative frequency means that the chunk became invisible there: such a
posting cancels the positive one, whichever segments they are in. A term with few postings shares a block with its
neighbours; a block of a term with many postings contains no other term.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from db.keyword_index import TERM_TYPE

ENTRY_TYPE = np.dtype([("term", ">i4"), ("scope", ">i4"), ("size", ">i2"), ("net", ">i2")])
"""An entry of the directory of a block: its postings of one term and scope, and how many more are visible than not."""
POSTING_TYPE = np.dtype([("chunk", ">i4"), ("frequency", "i1"), ("length", "u1")])
"""A posting of most blocks; `length` is the difference to the lowest length of the block."""
WIDE_POSTING_TYPE = np.dtype([("chunk", ">i4"), ("frequency", ">i2"), ("length", ">u2")])
"""A posting of a block with frequencies above 127 or lengths that differ by more than 255; `length` is the length."""
BLOCK_POSTINGS = 2048
"""Maximum number of postings in a block."""
SHARED_BYTES = 1800
"""Maximum size of a shared block, so that its row is stored whole in a page of the table."""
OWN_BYTES = 900
"""Size of a term's postings from which it has blocks that no other term shares."""

Numbers = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Postings:
    """Postings as columns."""

    term: Numbers
    scope: Numbers
    chunk: Numbers
    frequency: Numbers
    length: Numbers

    def __len__(self) -> int:
        """Return the number of postings."""
        return len(self.term)

    def take(self, places: Numbers) -> Postings:
        """Return the postings at these places."""
        return Postings(
            self.term[places], self.scope[places], self.chunk[places], self.frequency[places], self.length[places]
        )


@dataclass(frozen=True, slots=True)
class Block:
    """A row of `keyword_blocks`."""

    first_term: int
    last_term: int
    size: int
    max_frequency: int
    min_length: int
    directory: bytes
    postings: bytes


def concatenate(parts: Sequence[Postings]) -> Postings:
    """Concatenate postings."""
    names = ("term", "scope", "chunk", "frequency", "length")
    return Postings(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def unpack_changes(rows: Sequence[Any]) -> Postings:
    """Return the postings of rows of `keyword_changes`."""
    packed = np.frombuffer(b"".join(row.terms for row in rows), dtype=TERM_TYPE)
    counts = [len(row.terms) // TERM_TYPE.itemsize for row in rows]

    def repeat(values: list[int]) -> Numbers:
        return np.repeat(np.array(values, dtype=np.int64), counts)

    return Postings(
        term=packed["term"].astype(np.int64),
        scope=repeat([row.scope_id for row in rows]),
        chunk=repeat([row.chunk_id for row in rows]),
        frequency=packed["frequency"] * repeat([row.change for row in rows]),
        length=repeat([row.length for row in rows]),
    )


def unpack_blocks(rows: Sequence[Any]) -> Postings:
    """Return the postings of rows of `keyword_blocks`."""
    entries = np.frombuffer(b"".join(row.directory for row in rows), dtype=ENTRY_TYPE)
    chunk, frequency, length = unpack_records(rows)
    return Postings(
        term=np.repeat(entries["term"].astype(np.int64), entries["size"]),
        scope=np.repeat(entries["scope"].astype(np.int64), entries["size"]),
        chunk=chunk,
        frequency=frequency,
        length=length,
    )


def unpack_records(rows: Sequence[Any]) -> tuple[Numbers, Numbers, Numbers]:
    """Return chunk, frequency and length of all postings in rows of `keyword_blocks`."""
    sizes = np.array([row.size for row in rows], dtype=np.int64)
    narrow = np.array([len(row.postings) == row.size * POSTING_TYPE.itemsize for row in rows], dtype=bool)
    base = np.where(narrow, np.array([row.min_length for row in rows], dtype=np.int64), 0)
    chunk, frequency, length = (np.empty(sizes.sum(), dtype=np.int64) for _ in range(3))
    for is_narrow, record in ((True, POSTING_TYPE), (False, WIDE_POSTING_TYPE)):
        chosen = [row.postings for row, kind in zip(rows, narrow.tolist(), strict=True) if kind == is_narrow]
        if chosen:
            places = np.repeat(narrow == is_narrow, sizes)
            packed = np.frombuffer(b"".join(chosen), dtype=record)
            chunk[places], frequency[places] = packed["chunk"], packed["frequency"]
            length[places] = packed["length"]
    return chunk, frequency, length + np.repeat(base, sizes)


def sort_and_cancel(postings: Postings) -> Postings:
    """Sort postings by term, scope and chunk, and remove pairs that cancel each other."""
    keys = [postings.chunk, postings.term << 32 | postings.scope]
    if not (postings.frequency < 0).any():
        return postings.take(np.lexsort(keys))
    # Positive ones first, so that the posting that remains of a group is its first or its last one.
    ordered = postings.take(np.lexsort([-postings.frequency, *keys]))
    starts = np.flatnonzero(_differs(ordered.term) | _differs(ordered.scope) | _differs(ordered.chunk))
    net = np.add.reduceat(np.sign(ordered.frequency), starts)
    ends = np.append(starts[1:], len(ordered)) - 1
    return ordered.take(np.where(net > 0, starts, ends)[net != 0])


def cut_blocks(postings: Postings) -> list[Block]:
    """Cut sorted postings into blocks; all postings of a term that exist in the segment must be among them."""
    if not len(postings):
        return []
    groups = np.flatnonzero(_differs(postings.term) | _differs(postings.scope))
    starts = np.array(_cut(postings.term, groups))
    ends = np.append(starts[1:], len(postings))
    entries = np.union1d(groups, starts)
    directory = _build_directory(postings, entries)
    entry_ends = np.searchsorted(entries, ends)
    min_length = np.minimum.reduceat(postings.length, starts)
    wide, packed, packed_wide = _pack(postings, starts, ends - starts, min_length)
    rows = zip(
        postings.term[starts].tolist(),
        postings.term[ends - 1].tolist(),
        np.maximum(np.maximum.reduceat(postings.frequency, starts), 0).tolist(),
        min_length.tolist(),
        wide.tolist(),
        starts.tolist(),
        ends.tolist(),
        [0, *entry_ends[:-1].tolist()],
        entry_ends.tolist(),
        strict=True,
    )
    return [
        Block(
            first_term=first_term,
            last_term=last_term,
            size=end - start,
            max_frequency=max_frequency,
            min_length=length,
            directory=directory[first_entry:last_entry].tobytes(),
            postings=(packed_wide if is_wide else packed)[start:end].tobytes(),
        )
        for first_term, last_term, max_frequency, length, is_wide, start, end, first_entry, last_entry in rows
    ]


def _pack(postings: Postings, starts: Numbers, sizes: Numbers, min_length: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Return which blocks need wide records, and all postings as records of both kinds."""
    wide = (np.maximum.reduceat(np.abs(postings.frequency), starts) > np.iinfo(np.int8).max) | (
        np.maximum.reduceat(postings.length, starts) - min_length > np.iinfo(np.uint8).max
    )
    packed = np.empty(len(postings), dtype=POSTING_TYPE)
    packed["chunk"] = postings.chunk
    packed["frequency"] = postings.frequency.astype(np.int8)
    packed["length"] = (postings.length - np.repeat(min_length, sizes)).astype(np.uint8)
    packed_wide = np.empty(len(postings) if wide.any() else 0, dtype=WIDE_POSTING_TYPE)
    if wide.any():
        packed_wide["chunk"], packed_wide["frequency"] = postings.chunk, postings.frequency
        packed_wide["length"] = postings.length
    return wide, packed, packed_wide


def _build_directory(postings: Postings, entries: Numbers) -> Numbers:
    """Return the directory entries that start at these places."""
    directory = np.empty(len(entries), dtype=ENTRY_TYPE)
    directory["term"], directory["scope"] = postings.term[entries], postings.scope[entries]
    directory["size"] = np.diff(np.append(entries, len(postings)))
    directory["net"] = np.add.reduceat(np.sign(postings.frequency), entries)
    return directory


def _cut(term: Numbers, groups: Numbers) -> list[int]:
    """Return the first place of each block. `groups`: places at which a term or scope starts."""
    starts = np.flatnonzero(_differs(term))
    ends = np.append(starts[1:], len(term))
    entries = np.diff(np.append(np.searchsorted(groups, starts), len(groups)))
    sizes = (ends - starts) * POSTING_TYPE.itemsize + entries * ENTRY_TYPE.itemsize
    total = np.cumsum(sizes)
    own = np.append(np.flatnonzero(sizes >= OWN_BYTES), len(starts))
    places: list[int] = []
    n = 0
    for next_own in own.tolist():
        while n < next_own:  # terms that share blocks
            places.append(int(starts[n]))
            n = min(next_own, int(np.searchsorted(total, total[n] - sizes[n] + SHARED_BYTES, side="right")))
        if n < len(starts):
            places.extend(range(int(starts[n]), int(ends[n]), BLOCK_POSTINGS))
            n += 1
    return places


def _differs(column: Numbers) -> Numbers:
    """Return for each value whether it differs from the one before; the first one does."""
    return np.append(True, column[1:] != column[:-1])
