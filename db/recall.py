"""Recall from Postgres: implements the `RecallStore` port for one workspace and one user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from db.engine import Database
from db.keyword_recall import KeywordScores, search_keywords
from db.sql import named
from db.vector_recall import EXACT_BELOW, INDEX_SETTINGS, SAMPLE, VectorSearch, VisibleScope, build_index_name
from pipeline.fusion import compute_keyword_weight, fuse_scores
from pipeline.types import Candidate, EmbeddingProfile, Neighbour, RecallQuery, RecallResult, Vector

_SETTINGS = INDEX_SETTINGS | {
    # Plan for the actual values: a generic plan fits no particular tenant and ignores later settings.
    "plan_cache_mode": "force_custom_plan",
    # JIT compilation takes longer than the statement.
    "jit": "off",
}


@dataclass(frozen=True, slots=True)
class _Found:
    """A chunk that recall found, with its scores and its ranks in the two searches."""

    chunk_id: int
    score: float
    dense_rank: int | None = None
    dense_score: float | None = None
    keyword_rank: int | None = None
    keyword_score: float | None = None


class PostgresRecall:
    """Recall of the chunks that one user may see."""

    def __init__(
        self,
        database: Database,
        workspace_id: int,
        profile: EmbeddingProfile | None,
        channels: Sequence[str] = (),
        *,
        exact_below: int = EXACT_BELOW,
    ) -> None:
        """Bind to a workspace, the profile of the vectors, and the channels that the user may read.

        Args:
            database: The database.
            workspace_id: The workspace.
            profile: The profile of the vectors; None before the first worker has started.
            channels: The channels that the user may read.
            exact_below: Number of visible chunks below which all vectors are scanned even if there is an index.
        """
        self._database = database
        self._workspace_id = workspace_id
        self._profile = profile
        self._channels = list(channels)
        self._exact_below = exact_below

    def recall(self, query: RecallQuery) -> RecallResult:
        """Recall the Top-N candidates in one snapshot: search, complete the scores, fuse, and fetch the texts."""
        with self._database.tenant(self._workspace_id, snapshot=True, settings=_SETTINGS) as session:
            scopes, has_index = self._list_scopes(session)
            if query.vector is None or query.mode == "keyword" or self._profile is None:
                found = _rank_keyword(self._search_keywords(session, query, scopes, ()))
                return RecallResult(
                    _fetch(session, found), query.top_n, "keyword", dense_weight=0.0, keyword_weight=1.0
                )
            visible = sum(scope.chunks for scope in scopes)
            search = VectorSearch(session, self._profile, self._workspace_id, scopes)
            by_index = has_index and visible >= self._exact_below
            nearest = search.find_nearest(query.vector, query.top_n, by_index=by_index)
            if query.mode == "dense":
                found = _rank_dense(nearest.scores)
                _, average = search.score(query.vector, ())
                dense_weight, keyword_weight = 1.0, 0.0
            else:
                keyword = self._search_keywords(session, query, scopes, list(nearest.scores))
                missed, average = search.score(query.vector, [n for n in keyword.top if n not in nearest.scores])
                dense_weight = query.dense_weight
                keyword_weight = compute_keyword_weight(dense_weight, keyword.coverage)
                found = _fuse(query, nearest.scores, missed, average, keyword, keyword_weight)
            return RecallResult(
                _fetch(session, found),
                query.top_n,
                nearest.plan,
                dense_weight=dense_weight,
                keyword_weight=keyword_weight,
                dense_average=average,
                dense_sample=min(SAMPLE, visible),
            )

    def dense_scores(self, vector: Vector, chunk_ids: Sequence[int]) -> dict[int, float]:
        """Return the cosine similarity of chunks to a vector by chunk ID; chunks without a vector are omitted."""
        if self._profile is None:
            return {}
        with self._database.tenant(self._workspace_id) as session:
            scores, _ = VectorSearch(session, self._profile, self._workspace_id, ()).score(vector, chunk_ids)
        return scores

    def neighbours(self, chunk_ids: Sequence[int]) -> dict[int, list[Neighbour]]:
        """Return the chunks directly before and after each of these, in live versions that the user may see."""
        by_chunk: dict[int, list[Neighbour]] = {}
        with self._database.tenant(self._workspace_id) as session:
            rows = session.execute(named("find_neighbours"), self._scope() | {"chunk_ids": list(chunk_ids)})
            for row in rows:
                neighbour = Neighbour(row.chunk_id, row.place, row.text, tuple(row.headings), row.page)
                by_chunk.setdefault(row.neighbour_of, []).append(neighbour)
        return by_chunk

    def _scope(self) -> dict[str, Any]:
        return {"workspace_id": self._workspace_id, "channels": self._channels}

    def _list_scopes(self, session: Session) -> tuple[list[VisibleScope], bool]:
        """Return the scopes with chunks that the user may see, and whether the workspace has an HNSW index."""
        name = build_index_name(self._profile.id if self._profile else 0, self._workspace_id)
        rows = session.execute(named("count_visible_chunks"), self._scope() | {"index_name": name}).all()
        return [VisibleScope(row.id, row.chunks) for row in rows], bool(rows and rows[0].has_index)

    def _search_keywords(
        self, session: Session, query: RecallQuery, scopes: Sequence[VisibleScope], also: Sequence[int]
    ) -> KeywordScores:
        ids = [scope.id for scope in scopes]
        return search_keywords(session, self._workspace_id, ids, query.words, top_n=query.top_n, also=also)


def _rank_dense(scores: Mapping[int, float]) -> list[_Found]:
    return [
        _Found(chunk_id, score, dense_rank=rank, dense_score=score)
        for rank, (chunk_id, score) in enumerate(scores.items(), 1)
    ]


def _rank_keyword(keyword: KeywordScores) -> list[_Found]:
    return [
        _Found(chunk_id, score, keyword_rank=rank, keyword_score=score)
        for rank, (chunk_id, score) in enumerate(keyword.top.items(), 1)
    ]


def _fuse(
    query: RecallQuery,
    nearest: Mapping[int, float],
    missed: Mapping[int, float],
    average: float | None,
    keyword: KeywordScores,
    keyword_weight: float,
) -> list[_Found]:
    """Return the Top-N chunks of both searches by fused score; a candidate of either search gets both scores.

    Args:
        query: The query.
        nearest: Dense scores of the nearest chunks, best first.
        missed: Dense scores of chunks that only the keyword search found.
        average: Dense score of an average passage; None without any vector.
        keyword: The best chunks by keyword, and the keyword scores of the nearest chunks.
        keyword_weight: Weight of the keyword scores.
    """
    dense = {**nearest, **missed}
    words = {**keyword.others, **keyword.top}
    chunk_ids = list(dict.fromkeys([*nearest, *keyword.top]))
    zero = 0.0 if average is None else average
    # Without a vector, or without an average to compare with, a chunk counts as an average passage.
    scores = fuse_scores(
        [zero if average is None else dense.get(chunk_id, zero) for chunk_id in chunk_ids],
        [words.get(chunk_id, 0.0) for chunk_id in chunk_ids],
        dense_average=zero,
        dense_weight=query.dense_weight,
        keyword_weight=keyword_weight,
    )
    dense_rank = {chunk_id: rank for rank, chunk_id in enumerate(nearest, 1)}
    keyword_rank = {chunk_id: rank for rank, chunk_id in enumerate(keyword.top, 1)}
    found = [
        _Found(
            chunk_id,
            score,
            dense_rank.get(chunk_id),
            dense.get(chunk_id),
            keyword_rank.get(chunk_id),
            words.get(chunk_id, 0.0),
        )
        for chunk_id, score in zip(chunk_ids, scores, strict=True)
    ]
    found.sort(key=lambda chunk: (-chunk.score, chunk.dense_rank or len(found) + 1, chunk.chunk_id))
    return found[: query.top_n]


def _fetch(session: Session, found: Sequence[_Found]) -> tuple[Candidate, ...]:
    """Read the texts of the chunks that recall returns."""
    rows = session.execute(named("fetch_candidates"), {"chunk_ids": [chunk.chunk_id for chunk in found]})
    by_id = {row.chunk_id: row for row in rows}
    return tuple(_candidate(rank, chunk, by_id[chunk.chunk_id]) for rank, chunk in enumerate(found, 1))


def _candidate(rank: int, found: _Found, row: Any) -> Candidate:
    return Candidate(
        chunk_id=row.chunk_id,
        document_id=row.document_id,
        title=row.title,
        text=row.text,
        recall_rank=rank,
        recall_score=found.score,
        headings=tuple(row.headings),
        page=row.page,
        confidence=row.confidence,
        dense_rank=found.dense_rank,
        dense_score=found.dense_score,
        keyword_rank=found.keyword_rank,
        keyword_score=found.keyword_score,
        source=row.source,
        origin=row.origin or "",
    )
