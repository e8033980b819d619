"""Keyword recall: BM25 over the keyword index, scored with NumPy.

The number of chunks, their mean length and the document frequencies are counted over the scopes that the user may see,
in the snapshot of the transaction. The index contains changes: a chunk that became visible counts 1, one that became
invisible counts -1, so that every statistic is a sum over segments and tail and is exact at every moment.

The Top-N is exact, but not every posting is scored (MaxScore, Turtle and Flood 1995). Rare terms are read first. As
soon as a chunk that contains only the other terms cannot reach the Top-N any more, only the chunks that still can are
completed: few of them from `chunk_terms`, many from the postings of the other terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from db.keyword_postings import (
    KeywordIndex,
    Matches,
    TermPostings,
    read_chunk_matches,
    read_index,
    read_more_postings,
    read_postings,
)

BM25_K1 = 0.9
BM25_B = 0.4
"""The values of the BM25 baselines of Anserini (Lin et al.), tuned for passages."""
READ_AHEAD = 10_000
"""Number of postings that are read together with those of the next term, to save round trips."""
LOOK_UP_COST = 500
"""Time to read the terms of one chunk, in postings that can be read in that time."""
ROUNDING = 1e-9
"""Margin of bounds, because sums of scores in different orders differ in their last digits."""

Scores = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class KeywordScores:
    """The result of a keyword search."""

    top: dict[int, float]
    """The best chunks with their BM25 scores, best first; equal scores are ordered by chunk ID."""
    others: dict[int, float]
    """The scores of further chunks that were asked for."""
    coverage: float = 0.0
    """Score of the best chunk, relative to the limit of the scores: how much of the question it has. A chunk of average
    length that contains each word once has about 0.5."""


class _Bm25:
    """The weights of the terms of a question."""

    def __init__(self, index: KeywordIndex, terms: Numbers, holders: Numbers) -> None:
        self.terms = terms
        self._holders = holders
        self._mean_length = max(1.0, index.terms / index.chunks)
        self._weights = np.log(1 + (index.chunks - holders + 0.5) / (holders + 0.5)) * (BM25_K1 + 1)

    def score(self, term: Numbers, frequency: Numbers, length: Numbers) -> Scores:
        """Return the score of each posting; `term` is a place in `terms`."""
        norm = BM25_K1 * (1 - BM25_B) + BM25_K1 * BM25_B / self._mean_length * length
        scores: Scores = self._weights[term] * frequency / (frequency + norm)
        return scores

    def max_score(self, words: Sequence[Sequence[int]]) -> float:
        """Return the limit of the scores: of a chunk that consists of the words only, each very often.

        A word counts once, with the rarest of its forms that a chunk contains: most chunks contain one form only.
        """
        present = self._holders > 0
        counted = {
            max(np.searchsorted(self.terms, forms).tolist(), key=lambda place: (present[place], self._weights[place]))
            for forms in words
        }
        return float(self._weights[list(counted)].sum())

    def sum_by_chunk(self, matches: Matches) -> tuple[Numbers, Scores]:
        """Return the chunks in ascending order and their scores, each added up in the order of the terms."""
        key = matches.chunk * len(self.terms) + matches.term
        order = np.argsort(key)
        parts = self.score(matches.term[order], matches.frequency[order], matches.length[order])
        chunk = matches.chunk[order]
        starts = np.flatnonzero(np.diff(chunk, prepend=-1))
        return chunk[starts], np.add.reduceat(parts, starts) if len(starts) else parts


def search_keywords(
    session: Session,
    workspace_id: int,
    scopes: Sequence[int],
    words: Sequence[Sequence[int]],
    *,
    top_n: int,
    also: Sequence[int] = (),
) -> KeywordScores:
    """Return the Top-N chunks of these scopes by BM25, and the scores of the chunks in `also`.

    A word is searched by the terms that are its forms. `also` must contain visible chunks only. The transaction must be
    REPEATABLE READ, because segments are replaced while questions read them.
    """
    wanted = np.unique(np.array([term for forms in words for term in forms], dtype=np.int64))
    index = read_index(session, workspace_id, scopes)
    if not len(wanted) or index.chunks <= 0:
        return KeywordScores({}, dict.fromkeys(also, 0.0))
    postings = read_postings(session, index, wanted)
    bm25 = _Bm25(index, wanted, postings.holders)
    all_ids, all_scores = _find_candidates(session, index, postings, bm25, top_n, also)
    ids, scores = all_ids, all_scores
    if len(ids) > top_n:  # sorting the few that reach the last place is faster than sorting all
        reaching = np.flatnonzero(scores >= np.partition(scores, -top_n)[-top_n])
        ids, scores = ids[reaching], scores[reaching]
    best = np.lexsort((ids, -scores))[:top_n]
    top = dict(zip(ids[best].tolist(), scores[best].tolist(), strict=True))
    others = [chunk for chunk in also if chunk not in top]
    found = _look_up(all_ids, all_scores, np.array(others, dtype=np.int64))
    # A chunk with two forms of a word can exceed the limit.
    coverage = min(1.0, max(top.values(), default=0.0) / bm25.max_score(words))
    return KeywordScores(top, dict(zip(others, found.tolist(), strict=True)), coverage)


def _look_up(ids: Numbers, scores: Scores, wanted: Numbers) -> Scores:
    """Return the scores of chunks by ascending IDs; 0 for a chunk that has none."""
    if not len(ids):
        return np.zeros(len(wanted))
    places = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
    return np.where(ids[places] == wanted, scores[places], 0.0)


def _find_candidates(
    session: Session, index: KeywordIndex, postings: TermPostings, bm25: _Bm25, top_n: int, also: Sequence[int]
) -> tuple[Numbers, Scores]:
    """Return chunks, among them the Top-N and those of `also` that have a score, with their scores by all terms."""
    while waiting := postings.list_unread():
        ids, scores = bm25.sum_by_chunk(postings.matches)
        rest = sum(float(bm25.score(np.array([n]), *postings.bound(n))[0]) for n in waiting) + ROUNDING
        threshold = float(np.partition(scores, -top_n)[-top_n]) if len(scores) >= top_n else 0.0
        if rest >= threshold:
            read_more_postings(session, index, postings, _choose_next(postings, waiting))
            continue
        kept = np.union1d(ids[scores + rest >= threshold], np.array(also, dtype=np.int64))
        if LOOK_UP_COST * len(kept) <= sum(postings.unread_size(n) for n in waiting):
            return bm25.sum_by_chunk(read_chunk_matches(session, kept, bm25.terms))
        postings.restrict(kept)
        read_more_postings(session, index, postings, waiting)
    return bm25.sum_by_chunk(postings.matches)


def _choose_next(postings: TermPostings, waiting: Sequence[int]) -> list[int]:
    """Return the rarest of the terms that are not read yet, and further ones as long as they are small."""
    ordered = sorted(waiting, key=lambda n: (postings.unread_size(n), n))
    total = np.cumsum([postings.unread_size(n) for n in ordered])
    return ordered[: max(1, int(np.searchsorted(total, READ_AHEAD, side="right")))]
