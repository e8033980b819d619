"""Recall from Postgres: implements the `RecallStore` port for one workspace and one user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from db.engine import Database
from db.keyword_recall import list_visible_scopes, search_keywords
from db.sql import named
from pipeline.types import Candidate, EmbeddingProfile, Neighbour, RecallQuery, RecallResult, Vector

EXACT_BELOW = 20_000
"""Number of vectors below which the exact scan is as fast as an index and always exact (13 ms at 20,000)."""
_PLANNING = {
    # Plan for the actual values: a generic plan fits no particular tenant and ignores later settings.
    "plan_cache_mode": "force_custom_plan",
    # JIT compilation takes longer than the statement.
    "jit": "off",
}
_NO_INDEX = {"enable_indexscan": "off", "enable_sort": "on"}


def build_index_name(profile_id: int, workspace_id: int) -> str:
    """Return the name of the HNSW index of one workspace and profile."""
    return f"embeddings_hnsw_p{profile_id}_w{workspace_id}"


class PostgresRecall:
    """Recall of the chunks that one user may see."""

    def __init__(
        self,
        database: Database,
        workspace_id: int,
        profile: EmbeddingProfile | None,
        channels: Sequence[str] = (),
    ) -> None:
        """Bind to a workspace, the profile of the vectors, and the channels that the user may read."""
        self._database = database
        self._workspace_id = workspace_id
        self._profile = profile
        self._channels = list(channels)

    def recall(self, query: RecallQuery) -> RecallResult:
        """Recall the Top-N candidates; repeat with an exact scan if the index returned fewer rows than exist."""
        with self._database.tenant(self._workspace_id) as session:
            _set_locally(session, _PLANNING)
            if query.vector is None:
                return _recalled(query, self._run(session, query)[0], "keyword")
            if not self._has_index(session):
                return _recalled(query, self._run(session, query)[0], "exact")
            _set_locally(session, _index_settings(query.top_n))
            candidates, dense_rows = self._run(session, query)
            if dense_rows >= query.top_n or dense_rows >= int(
                session.scalar(named("count_visible_chunks"), self._scope())
            ):
                return _recalled(query, candidates, "hnsw")
            _set_locally(session, _NO_INDEX)
            return _recalled(query, self._run(session, query)[0], "hnsw, then exact")

    def dense_scores(self, vector: Vector, chunk_ids: Sequence[int]) -> dict[int, float]:
        """Return the cosine similarity of chunks to a vector by chunk ID; chunks without a vector are omitted."""
        if self._profile is None:
            return {}
        values: dict[str, Any] = {
            "profile_id": self._profile.id,
            "workspace_id": self._workspace_id,
            "chunk_ids": list(chunk_ids),
            "vector": format_vector(vector),
        }
        with self._database.tenant(self._workspace_id) as session:
            rows = session.execute(named("compute_dense_scores", dimensions=self._profile.dimensions), values)
            return {row.chunk_id: row.score for row in rows}

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

    def _has_index(self, session: Session) -> bool:
        if self._profile is None:
            return False
        name = build_index_name(self._profile.id, self._workspace_id)
        return bool(session.scalar(named("has_vector_index"), {"index_name": name}))

    def _run(self, session: Session, query: RecallQuery) -> tuple[tuple[Candidate, ...], int]:
        """Return the candidates and the number of rows found by vector."""
        want_keyword = query.mode != "dense"
        scopes = list_visible_scopes(session, self._workspace_id, self._channels)
        dimensions = self._profile.dimensions if self._profile else 1
        values: dict[str, Any] = {
            "workspace_id": self._workspace_id,
            "scopes": scopes,
            "want_dense": query.vector is not None and query.mode != "keyword",
            "want_keyword": want_keyword,
            "profile_id": self._profile.id if self._profile else 0,
            "vector": format_vector(query.vector if query.vector is not None else [0.0] * dimensions),
            "top_n": query.top_n,
            "dense_weight": query.dense_weight,
        }
        nearest = (
            session.execute(named("find_nearest_chunks", dimensions=dimensions), values).all()
            if values["want_dense"]
            else []
        )
        nearest = sorted(nearest, key=lambda row: (row.distance, row.chunk_id))
        values["dense_ids"] = [row.chunk_id for row in nearest]
        values["dense_scores"] = [1 - row.distance for row in nearest]
        keyword = search_keywords(
            session,
            self._workspace_id,
            scopes,
            query.terms if want_keyword else (),
            top_n=query.top_n,
            also=values["dense_ids"] if want_keyword else (),
        )
        for name, scores in (("keyword", keyword.top), ("other", keyword.others)):
            values[f"{name}_ids"], values[f"{name}_scores"] = list(scores), list(scores.values())
        rows = session.execute(named("fuse_candidates", dimensions=dimensions), values).all()
        return tuple(_candidate(rank, row) for rank, row in enumerate(rows, 1)), len(nearest)


def format_vector(vector: Vector) -> str:
    """Format a vector as pgvector input."""
    return "[" + ",".join(f"{value:.7g}" for value in vector) + "]"


def _index_settings(top_n: int) -> Mapping[str, str]:
    return {
        "hnsw.ef_search": str(min(1000, max(100, 2 * top_n))),
        # Relaxed order continues until enough rows pass the filters; without it, filters silently leave too few rows.
        "hnsw.iterative_scan": "relaxed_order",
        "hnsw.max_scan_tuples": "100000",
        # Only the index returns rows in order without sorting, so the plan that runs is the plan in the trace.
        "enable_sort": "off",
    }


def _set_locally(session: Session, values: Mapping[str, str]) -> None:
    session.execute(named("set_planner_options"), {"names": list(values), "settings": list(values.values())})


def _recalled(query: RecallQuery, candidates: tuple[Candidate, ...], plan: str) -> RecallResult:
    """Build the result; a search that did not run has weight 0."""
    hybrid = query.mode == "hybrid" and query.vector is not None
    by_vector = query.vector is not None and query.mode != "keyword"
    return RecallResult(
        candidates,
        query.top_n,
        plan,
        dense_weight=query.dense_weight if hybrid else float(by_vector),
        keyword_weight=1.0 if hybrid else float(not by_vector),
    )


def _candidate(rank: int, row: Any) -> Candidate:
    return Candidate(
        chunk_id=row.chunk_id,
        document_id=row.document_id,
        title=row.title,
        text=row.text,
        recall_rank=rank,
        recall_score=float(row.recall_score),
        headings=tuple(row.headings),
        page=row.page,
        confidence=row.confidence,
        dense_rank=row.dense_rank,
        dense_score=row.dense_score,
        keyword_rank=row.keyword_rank,
        keyword_score=row.keyword_score,
        source=row.source,
        origin=row.origin or "",
    )
