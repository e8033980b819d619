"""Compare the keyword index with its source: the postings of the tail and of all segments with `chunk_terms`.

Each posting becomes a number that depends on its term, frequency and length. The sums of these numbers over each chunk
and scope are compared, so that the order of postings does not matter and a posting that cancels another one counts
negatively. Memory grows with the number of chunks and not with the number of postings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.keyword_blocks import Numbers, Postings, unpack_blocks, unpack_changes
from db.models import Workspace
from db.sql import named

BATCH = 2000
"""Chunks, changes or blocks read at once."""
_FACTORS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], dtype=np.uint64)
"""Odd numbers without structure, which make equal sums of different postings improbable."""


@dataclass(frozen=True, slots=True)
class WrongPostings:
    """A chunk whose postings in a scope are not those of its terms."""

    workspace_id: int
    scope_id: int
    chunk_id: int


class _Sums:
    """Sums of postings by scope and chunk."""

    def __init__(self) -> None:
        self._keys: Numbers = np.empty(0, dtype=np.int64)
        self._sums: Numbers = np.empty(0, dtype=np.uint64)

    def add(self, postings: Postings, sign: int) -> None:
        """Add postings, or subtract them."""
        columns = (postings.term, np.abs(postings.frequency), postings.length)
        with np.errstate(over="ignore"):
            mixed = sum(column.astype(np.uint64) * factor for column, factor in zip(columns, _FACTORS, strict=True))
            mixed = (mixed ^ (mixed >> np.uint64(29))) * _FACTORS[0]
            numbers = mixed * (np.sign(postings.frequency) * sign).astype(np.int64).astype(np.uint64)
        keys = np.concatenate([self._keys, postings.scope << 32 | postings.chunk])
        self._keys, places = np.unique(keys, return_inverse=True)
        numbers = np.concatenate([self._sums, numbers])
        self._sums = np.zeros(len(self._keys), dtype=np.uint64)
        np.add.at(self._sums, places, numbers)

    def list_wrong(self, workspace_id: int) -> Iterator[WrongPostings]:
        """Yield the chunks whose sum is not zero."""
        for key in self._keys[self._sums != 0].tolist():
            yield WrongPostings(workspace_id, key >> 32, key & 0xFFFFFFFF)


def list_wrong_postings(session: Session) -> Iterator[WrongPostings]:
    """Yield the chunks whose postings differ from their terms (a system transaction with one snapshot)."""
    for workspace_id in session.scalars(select(Workspace.id).order_by(Workspace.id)).all():
        sums = _Sums()
        scope = {"workspace_id": workspace_id, "limit": BATCH}
        for rows in _read(session, "read_visible_terms", scope, {"after": "chunk_id"}):
            sums.add(unpack_changes(rows), 1)
        for rows in _read(session, "read_tail_terms", scope, {"after": "id"}):
            sums.add(unpack_changes(rows), -1)
        key = {"segment_id": "segment_id", "last_term": "last_term", "block": "block"}
        for rows in _read(session, "read_segment_blocks", scope, key):
            sums.add(_unpack_valid(rows), -1)
        yield from sums.list_wrong(workspace_id)


def _read(session: Session, name: str, scope: dict[str, int], key: dict[str, str]) -> Iterator[list[Any]]:
    """Yield batches of rows; `key` names the column of each parameter that continues after a batch."""
    after = dict.fromkeys(key, -1)
    while rows := list(session.execute(named(name), scope | after).all()):
        yield rows
        after = {parameter: getattr(rows[-1], column) for parameter, column in key.items()}


def _unpack_valid(rows: list[Any]) -> Postings:
    """Return the postings of blocks whose terms count while segments are merged."""
    postings = unpack_blocks(rows)
    sizes = [row.size for row in rows]
    after, up_to = (np.repeat([getattr(row, name) for row in rows], sizes) for name in ("after", "up_to"))
    valid = np.flatnonzero((postings.term > after) & (postings.term <= up_to))
    return postings.take(valid)
