"""The keyword index: the terms of each chunk, stored as packed bytes.

`chunk_terms` has one row per chunk. Triggers copy the row into `keyword_changes`, the tail of the index, when the
chunk becomes visible (its version becomes live) or invisible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from sqlalchemy.orm import Session

from db.sql import named
from pipeline.types import Term

TERM_TYPE = np.dtype([("term", ">i4"), ("frequency", ">i2")])
"""A term of a chunk, as `chunk_terms.terms` stores it."""
MAX_LENGTH = 65_535
"""Maximum length of a chunk in terms; a longer chunk scores as one of this length."""


@dataclass(frozen=True, slots=True)
class ChunkTerms:
    """The terms of one chunk to store, sorted by ID."""

    workspace_id: int
    version_id: int
    chunk_id: int
    terms: Sequence[Term]


def add_chunk_terms(session: Session, chunks: Sequence[ChunkTerms]) -> None:
    """Store the terms of new chunks, of one or many versions, in one statement."""
    packed = [_pack(chunk.terms) for chunk in chunks]
    sizes = [len(terms) for terms in packed]
    values = {
        "workspace_ids": [chunk.workspace_id for chunk in chunks],
        "version_ids": [chunk.version_id for chunk in chunks],
        "chunk_ids": [chunk.chunk_id for chunk in chunks],
        "lengths": [min(MAX_LENGTH, sum(term.frequency for term in chunk.terms)) for chunk in chunks],
        "terms": b"".join(packed),
        "starts": list(accumulate(sizes, initial=1))[:-1],
        "sizes": sizes,
    }
    session.execute(named("insert_chunk_terms"), values)


def _pack(terms: Sequence[Term]) -> bytes:
    return np.array([(term.id, term.frequency) for term in terms], dtype=TERM_TYPE).tobytes()
