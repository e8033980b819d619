"""The tables of traces as mapped classes; `db.models` contains the others."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import REAL, BigInteger, ForeignKey, Identity, Numeric, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.models import Base, key_in_workspace


class QueryTrace(Base):
    """The trace of an answered question."""

    __tablename__ = "queries"
    __table_args__ = (key_in_workspace("job_id", "jobs", "CASCADE"),)
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"))
    job_id: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    requester: Mapped[str]
    question: Mapped[str]
    searched_as: Mapped[str]
    recall: Mapped[str]
    top_n: Mapped[int]
    top_k: Mapped[int]
    reranker_asked: Mapped[str]
    reranker: Mapped[str]
    profile_id: Mapped[int | None] = mapped_column(ForeignKey("embedding_profiles.id"))
    plan: Mapped[str]
    rows_asked: Mapped[int]
    rows_returned: Mapped[int]
    answer: Mapped[str]
    abstained: Mapped[bool]
    answer_model: Mapped[str]
    timings_ms: Mapped[dict[str, Any]]
    calls: Mapped[int]
    prompt_tokens: Mapped[int]
    completion_tokens: Mapped[int]
    cost_usd: Mapped[Decimal] = mapped_column(Numeric)
    prompt_hashes: Mapped[list[str]]
    fallbacks: Mapped[list[dict[str, Any]]]
    dense_weight: Mapped[float | None]
    keyword_weight: Mapped[float | None]
    vector: Mapped[Any | None] = mapped_column(HALFVEC())
    baseline: Mapped[float | None] = mapped_column(REAL)
    created_at: Mapped[dt.datetime]


class QueryCandidate(Base):
    """A candidate of an answered question with its ranks before and after reranking."""

    __tablename__ = "query_candidates"
    __table_args__ = (UniqueConstraint("query_id", "rank"), key_in_workspace("query_id", "queries", "CASCADE"))
    query_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    chunk_id: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[int]
    document_id: Mapped[int]
    title: Mapped[str]
    page: Mapped[int | None]
    recall_rank: Mapped[int]
    recall_score: Mapped[float]
    dense_rank: Mapped[int | None]
    dense_score: Mapped[float | None]
    keyword_rank: Mapped[int | None]
    keyword_score: Mapped[float | None]
    rank: Mapped[int]
    score: Mapped[float]
    raw_score: Mapped[float | None]
    reason: Mapped[str]
    method: Mapped[str]
    flags: Mapped[list[str]]
    citation: Mapped[int | None]
    quote: Mapped[str | None]


class GapResolution(Base):
    """A question without a good answer that a manager has answered or dismissed."""

    __tablename__ = "gap_resolutions"
    __table_args__ = (
        key_in_workspace("query_id", "queries", "CASCADE"),
        key_in_workspace("job_id", "jobs", "SET NULL (job_id)"),
    )
    query_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"))
    job_id: Mapped[int | None] = mapped_column(BigInteger)
    user_id: Mapped[str]
    created_at: Mapped[dt.datetime]
