"""Blocks of postings: sort the changes of many chunks by term, cut them into blocks, and read blocks again.

A posting is a term of a chunk in a scope. A negative frequency means that the chunk became invisible there: such a
posting cancels the positive one, whichever segments they are in. A term with few postings shares a block with its
neighbours; a block of a term with many postings contains no other term.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from db.keyword_index import TERM_TYPE

ENTRY_TYPE = np.dtype([("term", ">i4"), ("scope", ">i4"), ("size", ">i2"), ("net", ">i2")])
"""An entry of the directory of a block: its postings of one term and scope, and how many more are visible than not."""
POSTING_TYPE = np.dtype([("chunk", ">i4"), ("frequency", ">i2"), ("length", ">u2")])
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
    packed = np.frombuffer(b"".join(row.postings for row in rows), dtype=POSTING_TYPE)
    sizes = entries["size"]
    return Postings(
        term=np.repeat(entries["term"].astype(np.int64), sizes),
        scope=np.repeat(entries["scope"].astype(np.int64), sizes),
        chunk=packed["chunk"].astype(np.int64),
        frequency=packed["frequency"].astype(np.int64),
        length=packed["length"].astype(np.int64),
    )


def sort_and_cancel(postings: Postings) -> Postings:
    """Sort postings by term, scope and chunk, and remove pairs that cancel each other."""
    keys = [postings.chunk, postings.scope, postings.term]
    if not (postings.frequency < 0).any():
        return postings.take(np.lexsort(keys))
    # Positive ones first, so that the posting that remains of a group is its first or its last one.
    ordered = postings.take(np.lexsort([-postings.frequency, *keys]))
    starts = np.flatnonzero(_differs(ordered.term) | _differs(ordered.scope) | _differs(ordered.chunk))
    net = np.add.reduceat(np.sign(ordered.frequency), starts)
    ends = np.append(starts[1:], len(ordered)) - 1
    return ordered.take(np.where(net > 0, starts, ends)[net != 0])


def cut_blocks(postings: Postings) -> Iterator[Block]:
    """Cut sorted postings into blocks; all postings of a term that exist in the segment must be among them."""
    if not len(postings):
        return
    packed = np.empty(len(postings), dtype=POSTING_TYPE)
    packed["chunk"], packed["frequency"], packed["length"] = postings.chunk, postings.frequency, postings.length
    groups = np.flatnonzero(_differs(postings.term) | _differs(postings.scope))
    for start, end in _cut(postings.term, groups):
        yield _build_block(postings, packed, start, end)


def _cut(term: Numbers, groups: Numbers) -> Iterator[tuple[int, int]]:
    """Yield the first and last place of each block. `groups`: places at which a term or scope starts."""
    starts = np.flatnonzero(_differs(term))
    ends = np.append(starts[1:], len(term))
    entries = np.diff(np.append(np.searchsorted(groups, starts), len(groups)))
    sizes = (ends - starts) * POSTING_TYPE.itemsize + entries * ENTRY_TYPE.itemsize
    total = np.cumsum(sizes)
    own = np.flatnonzero(sizes >= OWN_BYTES)
    n = 0
    while n < len(starts):
        if sizes[n] >= OWN_BYTES:
            for start in range(int(starts[n]), int(ends[n]), BLOCK_POSTINGS):
                yield start, min(start + BLOCK_POSTINGS, int(ends[n]))
            n += 1
            continue
        next_own = np.searchsorted(own, n)
        limit = int(own[next_own]) if next_own < len(own) else len(starts)
        last = min(limit, int(np.searchsorted(total, total[n] - sizes[n] + SHARED_BYTES, side="right")))
        yield int(starts[n]), int(ends[last - 1])
        n = last


def _build_block(postings: Postings, packed: Numbers, start: int, end: int) -> Block:
    term, scope = postings.term[start:end], postings.scope[start:end]
    frequency = postings.frequency[start:end]
    groups = np.flatnonzero(_differs(term) | _differs(scope))
    directory = np.empty(len(groups), dtype=ENTRY_TYPE)
    directory["term"], directory["scope"] = term[groups], scope[groups]
    directory["size"] = np.diff(np.append(groups, end - start))
    directory["net"] = np.add.reduceat(np.sign(frequency), groups)
    return Block(
        first_term=int(term[0]),
        last_term=int(term[-1]),
        size=end - start,
        max_frequency=max(0, int(frequency.max())),
        min_length=int(postings.length[start:end].min()),
        directory=directory.tobytes(),
        postings=packed[start:end].tobytes(),
    )


def _differs(column: Numbers) -> Numbers:
    """Return for each value whether it differs from the one before; the first one does."""
    return np.append(True, column[1:] != column[:-1])
