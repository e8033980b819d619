"""Read the parts of the keyword index that a question needs: statistics, postings of its terms, terms of chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from db.keyword_blocks import ENTRY_TYPE, unpack_records
from db.keyword_index import TERM_TYPE
from db.sql import named

INLINE_POSTINGS = 320
"""Maximum number of postings of a block that are read together with its directory."""

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Matches:
    """Terms of chunks, as columns; `term` is a place in the terms of the question."""

    term: Numbers
    chunk: Numbers
    frequency: Numbers
    length: Numbers

    def take(self, places: npt.NDArray[Any]) -> Matches:
        """Return the matches at these places."""
        return Matches(self.term[places], self.chunk[places], self.frequency[places], self.length[places])


@dataclass(frozen=True, slots=True)
class KeywordIndex:
    """The segments and the tail of the visible scopes, with the size of the visible collection."""

    scopes: Numbers
    segments: Sequence[Any]
    """Rows with `segment_id` and the range of terms to read from it, which a merge moves to another segment."""
    tail: Sequence[Any]
    chunks: int
    terms: int
    """Sum of the lengths of the chunks."""


class TermPostings:
    """The postings of the terms of a question: those that have been read, and the blocks of the others."""

    def __init__(self, terms: Numbers, read: Matches, unread: dict[int, list[Any]], holders: Numbers) -> None:
        """Start with what the first statement has read."""
        self.terms = terms
        self.holders = holders
        """Number of visible chunks that contain each term."""
        self.matches = _cancel(read) if not unread else _cancel(read.take(~np.isin(read.term, list(unread))))
        self._read = {n: read.take(read.term == n) for n in unread}
        self._unread = unread
        self.kept: npt.NDArray[np.bool_] | None = None
        """Whether each chunk, by ID, is still of interest; None: all are. The last entry stands for higher IDs."""

    def restrict(self, chunk_ids: Numbers) -> None:
        """Forget all chunks but these."""
        self.kept = np.zeros(int(chunk_ids.max(initial=0)) + 2, dtype=bool)
        self.kept[chunk_ids] = True
        self.matches = _filter(self.matches, self.kept)
        self._read = {n: _filter(read, self.kept) for n, read in self._read.items()}

    def list_unread(self) -> list[int]:
        """Return the terms whose postings have not been read."""
        return list(self._unread)

    def unread_size(self, term: int) -> int:
        """Return the number of postings of a term that have not been read."""
        return sum(row.size for row in self._unread[term])

    def bound(self, term: int) -> tuple[Numbers, Numbers]:
        """Return a frequency and a length that bound the score of a term in any chunk."""
        rows, read = self._unread[term], self._read[term]
        frequency = max(*(row.max_frequency for row in rows), int(read.frequency.max(initial=0)))
        length = min(*(row.min_length for row in rows), int(read.length.min(initial=2**16)))
        return np.array([frequency]), np.array([length])

    def unread_blocks(self, term: int) -> list[Any]:
        """Return the blocks of a term that have not been read."""
        return self._unread[term]

    def add(self, term: int, read: Matches) -> None:
        """Add the postings of the blocks of a term."""
        del self._unread[term]
        self.matches = _concatenate([self.matches, _cancel(_concatenate([self._read.pop(term), read]))])


@dataclass(frozen=True, slots=True)
class _Block:
    """A block with the term that is wanted from it."""

    term: int
    size: int
    min_length: int
    directory: bytes
    postings: bytes


def read_index(session: Session, workspace_id: int, scopes: Sequence[int]) -> KeywordIndex:
    """Read the segments and the tail of these scopes."""
    values = {"workspace_id": workspace_id, "scopes": list(scopes)}
    rows = session.execute(named("read_keyword_index"), values).all()
    return KeywordIndex(
        scopes=np.sort(np.array(scopes, dtype=np.int64)),
        segments=[row for row in rows if row.segment_id is not None],
        tail=[row for row in rows if row.segment_id is None],
        chunks=sum(row.change for row in rows),
        terms=sum(row.length if row.segment_id is not None else row.change * row.length for row in rows),
    )


def read_postings(session: Session, index: KeywordIndex, terms: Numbers) -> TermPostings:
    """Read the directories of all blocks with these terms, and the postings of small blocks."""
    values = {
        "segments": [row.segment_id for row in index.segments],
        "after": [row.after for row in index.segments],
        "up_to": [row.up_to for row in index.segments],
        "terms": terms.tolist(),
        "inline": INLINE_POSTINGS,
    }
    rows = session.execute(named("read_keyword_blocks"), values).all() if index.segments else []
    holders = np.zeros(len(terms), dtype=np.int64)
    tail = _read_tail(index.tail, terms)
    np.add.at(holders, tail.term, np.sign(tail.frequency))
    entries, row_of, _ = _find_entries(rows, index.scopes)
    np.add.at(holders, np.searchsorted(terms, entries["term"]), entries["net"])
    visible = set(row_of.tolist())
    unread: dict[int, list[Any]] = {}
    for place, row in enumerate(rows):
        if row.postings is None and place in visible:
            unread.setdefault(int(np.searchsorted(terms, row.term)), []).append(row)
    read = _unpack([row for row in rows if row.postings is not None], terms, index.scopes)
    return TermPostings(terms, _concatenate([tail, read]), unread, holders)


def read_more_postings(session: Session, index: KeywordIndex, postings: TermPostings, places: Sequence[int]) -> None:
    """Read the remaining postings of the terms at these places."""
    wanted = [row for place in places for row in postings.unread_blocks(place)]
    values = {
        "segment_ids": [row.segment_id for row in wanted],
        "last_terms": [row.last_term for row in wanted],
        "blocks": [row.block for row in wanted],
    }
    rows = session.execute(named("read_blocks"), values)
    found = {(row.segment_id, row.last_term, row.block): row.postings for row in rows}
    for place in places:
        blocks = [
            _Block(row.term, row.size, row.min_length, row.directory, found[row.segment_id, row.last_term, row.block])
            for row in postings.unread_blocks(place)
        ]
        postings.add(place, _unpack(blocks, postings.terms, index.scopes, postings.kept))


def read_chunk_matches(session: Session, chunk_ids: Numbers, terms: Numbers) -> Matches:
    """Read which of the terms these chunks contain."""
    rows = session.execute(named("read_chunk_terms"), {"chunk_ids": chunk_ids.tolist()}).all()
    return _unpack_terms(rows, np.ones(len(rows), dtype=np.int64), terms)


def _read_tail(rows: Sequence[Any], terms: Numbers) -> Matches:
    return _unpack_terms(rows, np.array([row.change for row in rows], dtype=np.int64), terms)


def _unpack_terms(rows: Sequence[Any], sign: Numbers, terms: Numbers) -> Matches:
    """Return the terms of the question in rows with packed terms; `sign` multiplies the frequencies of each row."""
    packed = np.frombuffer(b"".join(row.terms for row in rows), dtype=TERM_TYPE)
    all_terms = packed["term"].astype(np.int64)
    place = np.minimum(np.searchsorted(terms, all_terms), len(terms) - 1)
    kept = np.flatnonzero(terms[place] == all_terms)
    ends = np.cumsum([len(row.terms) // TERM_TYPE.itemsize for row in rows])
    source = np.searchsorted(ends, kept, side="right")
    return Matches(
        term=place[kept],
        chunk=np.array([row.chunk_id for row in rows], dtype=np.int64)[source],
        frequency=packed["frequency"][kept] * sign[source],
        length=np.array([row.length for row in rows], dtype=np.int64)[source],
    )


def _find_entries(rows: Sequence[Any], scopes: Numbers) -> tuple[npt.NDArray[Any], Numbers, Numbers]:
    """Return the directory entries for the term of each row in visible scopes, their rows, and where they start."""
    entries = np.frombuffer(b"".join(row.directory for row in rows), dtype=ENTRY_TYPE)
    row_of = np.repeat(np.arange(len(rows)), [len(row.directory) // ENTRY_TYPE.itemsize for row in rows])
    wanted = np.array([row.term for row in rows], dtype=np.int64)
    ends = np.cumsum(entries["size"], dtype=np.int64)
    chosen = np.flatnonzero((entries["term"] == wanted[row_of]) & _contains(scopes, entries["scope"]))
    return entries[chosen], row_of[chosen], ends[chosen] - entries["size"][chosen]


def _unpack(rows: Sequence[Any], terms: Numbers, scopes: Numbers, kept: npt.NDArray[np.bool_] | None = None) -> Matches:
    """Return the postings of the term of each row in visible scopes, only those of some chunks if `kept` is given."""
    entries, _, starts = _find_entries(rows, scopes)
    chunk, frequency, length = unpack_records(rows)
    sizes = entries["size"].astype(np.int64)
    # The places of all chosen postings: consecutive numbers within each entry.
    places = np.arange(sizes.sum()) + np.repeat(starts - (np.cumsum(sizes) - sizes), sizes)
    matches = Matches(
        term=np.repeat(np.searchsorted(terms, entries["term"]), sizes),
        chunk=chunk[places],
        frequency=frequency[places],
        length=length[places],
    )
    return matches if kept is None else _filter(matches, kept)


def _filter(matches: Matches, kept: npt.NDArray[np.bool_]) -> Matches:
    return matches.take(np.flatnonzero(kept[np.minimum(matches.chunk, len(kept) - 1)]))


def _contains(ascending: Numbers, values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Return for each value whether the other array contains it; faster than `np.isin` for small arrays."""
    if not len(ascending):
        return np.zeros(len(values), dtype=bool)
    found: npt.NDArray[np.bool_] = (
        ascending[np.minimum(np.searchsorted(ascending, values), len(ascending) - 1)] == values
    )
    return found


def _concatenate(parts: Sequence[Matches]) -> Matches:
    names = ("term", "chunk", "frequency", "length")
    return Matches(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _cancel(matches: Matches) -> Matches:
    """Remove the postings of chunks that became invisible."""
    if not (matches.frequency < 0).any():
        return matches
    ordered = matches.take(np.lexsort((-matches.frequency, matches.chunk, matches.term)))
    new = (np.diff(ordered.chunk, prepend=-1) != 0) | (np.diff(ordered.term, prepend=-1) != 0)
    starts = np.flatnonzero(new)
    return ordered.take(starts[np.add.reduceat(np.sign(ordered.frequency), starts) > 0])
