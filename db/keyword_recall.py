"""Keyword recall: BM25 over the keyword index, scored with NumPy.

The number of chunks, their mean length and the document frequencies are counted over the scopes that the user may see,
in the snapshot of the transaction. The index contains changes: a chunk that became visible counts 1, one that became
invisible counts -1, so that every statistic is a sum over segments and tail and is exact at every moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from db.keyword_index import TERM_TYPE
from db.sql import named

BM25_K1 = 0.9
BM25_B = 0.4
"""The values of the BM25 baselines of Anserini (Lin et al.), tuned for passages."""

Numbers = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class KeywordScores:
    """The result of a keyword search."""

    top: dict[int, float]
    """The best chunks with their BM25 scores, best first; equal scores are ordered by chunk ID."""
    others: dict[int, float]
    """The scores of further chunks that were asked for."""


@dataclass(frozen=True, slots=True)
class _Changes:
    """Terms of changes, one row per term and change."""

    chunk: Numbers
    term: Numbers
    frequency: Numbers
    length: Numbers
    change: Numbers


def search_keywords(
    session: Session,
    workspace_id: int,
    scopes: Sequence[int],
    terms: Sequence[int],
    *,
    top_n: int,
    also: Sequence[int] = (),
) -> KeywordScores:
    """Return the Top-N chunks of these scopes by BM25, and the scores of the chunks in `also`."""
    rows = session.execute(named("list_keyword_changes"), {"workspace_id": workspace_id, "scopes": list(scopes)}).all()
    chunks = sum(row.change for row in rows)
    if not chunks or not terms:
        return KeywordScores({}, dict.fromkeys(also, 0.0))
    mean_length = max(1.0, sum(row.change * row.length for row in rows) / chunks)
    hits = _unpack_changes(rows, np.array(sorted(terms)))
    ids, scores = _score(hits, chunks, mean_length)
    order = np.lexsort((ids, -scores))[:top_n]
    score_of = dict(zip(ids.tolist(), scores.tolist(), strict=True))
    top = {int(ids[n]): float(scores[n]) for n in order}
    return KeywordScores(top, {chunk: score_of.get(chunk, 0.0) for chunk in also if chunk not in top})


def _unpack_changes(rows: Sequence[Any], terms: Numbers) -> _Changes:
    """Return the changes of these terms."""
    packed = np.frombuffer(b"".join(row.terms for row in rows), dtype=TERM_TYPE)
    source = np.repeat(np.arange(len(rows)), [len(row.terms) // TERM_TYPE.itemsize for row in rows])
    kept = np.flatnonzero(np.isin(packed["term"], terms))
    source = source[kept]
    return _Changes(
        chunk=np.array([row.chunk_id for row in rows])[source],
        term=packed["term"][kept].astype(np.int64),
        frequency=packed["frequency"][kept].astype(np.int64),
        length=np.array([row.length for row in rows])[source],
        change=np.array([row.change for row in rows])[source],
    )


def _score(hits: _Changes, chunks: int, mean_length: float) -> tuple[Numbers, Scores]:
    """Return the visible chunks with any of the terms, and their scores."""
    _, term, holders = np.unique(hits.term, return_inverse=True, return_counts=True)
    holders = np.bincount(term, weights=hits.change, minlength=len(holders))
    weight = np.log(1 + (chunks - holders + 0.5) / (holders + 0.5)) * (BM25_K1 + 1)
    norm = BM25_K1 * (1 - BM25_B + BM25_B * hits.length / mean_length)
    part = hits.change * weight[term] * hits.frequency / (hits.frequency + norm)
    ids, chunk = np.unique(hits.chunk, return_inverse=True)
    visible = np.bincount(chunk, weights=hits.change) > 0
    return ids[visible], np.bincount(chunk, weights=part)[visible].astype(np.float64)
