"""Traces of answered questions: candidates, scores, timings, tokens, cost and fallbacks."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from db import jobs
from db.sql import named
from db.trace_models import QueryTrace
from pipeline.amounts import ExceededLimit
from pipeline.errors import DocumentDeleted
from pipeline.text.cleaning import dump_storable, remove_unstorable, remove_unstorable_json
from pipeline.types import CONFLICT, DUPLICATE, Answer, Citation, Fallback, RankedCandidate


@dataclass(frozen=True, slots=True)
class TraceCandidate:
    """A candidate before and after reranking."""

    chunk_id: int
    document_id: int
    title: str
    page: int | None
    text: str
    """Empty if the chunk was deleted or the viewer may not see its document."""
    headings: tuple[str, ...]
    """The heading path, outermost first; empty in the same cases."""
    source: str
    origin: str
    """Link to the original; empty if unknown."""
    recall_rank: int
    recall_score: float
    dense_rank: int | None
    dense_score: float | None
    keyword_rank: int | None
    keyword_score: float | None
    rank: int
    score: float
    raw_score: float | None
    reason: str
    method: str
    flags: tuple[str, ...]
    citation: int | None
    """Its [n] in the answer."""
    quote: str | None


@dataclass(frozen=True, slots=True)
class TraceView:
    """The trace of an answer as users see it."""

    job: int
    question: str
    searched_as: str
    """The rewritten form of a follow-up question; empty: as it was asked."""
    answer: str
    abstained: bool
    recall: str
    plan: str
    rows_asked: int
    rows_returned: int
    top_k: int
    reranker: str
    reranker_asked: str
    answer_model: str
    fallbacks: tuple[Fallback, ...]
    timings_ms: Mapping[str, float]
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    created_at: dt.datetime
    candidates: tuple[TraceCandidate, ...]
    """In the order after reranking."""

    @property
    def read(self) -> tuple[TraceCandidate, ...]:
        """The passages of the answer: the first candidates without near-duplicates."""
        return tuple(candidate for candidate in self.candidates if DUPLICATE not in candidate.flags)[: self.top_k]


_PLAIN = {item.name for item in dataclasses.fields(TraceView)} - {"job", "fallbacks", "cost_usd", "candidates"}


def read_trace(session: Session, job_id: int, *, channels: Sequence[str] | None = None) -> TraceView | None:
    """Return the trace of a job, or None if it has no answer (a tenant transaction).

    `channels` are those that the viewer may read, or None for all. Of other documents, only the ranks are returned.
    """
    row = session.scalars(select(QueryTrace).where(QueryTrace.job_id == job_id)).one_or_none()
    if row is None:
        return None
    scope = {"query_id": row.id, "channels": None if channels is None else list(channels)}
    rows = session.execute(named("list_trace_candidates"), scope).mappings()
    plain = {name: getattr(row, name) for name in _PLAIN}
    return TraceView(
        job=job_id,
        fallbacks=tuple(map(_fallback, row.fallbacks)),
        cost_usd=float(row.cost_usd),
        candidates=tuple(
            TraceCandidate(**dict(item) | {name: tuple(item[name]) for name in ("flags", "headings")}) for item in rows
        ),
        **plain,
    )


def require_documents(session: Session, workspace_id: int, answer: Answer) -> None:
    """Raise `DocumentDeleted` if a document that recall found has been deleted since (a tenant transaction).

    Until the transaction ends, no document is deleted. It must be called before the transaction locks the job.
    """
    session.execute(named("share_library"), {"workspace_id": workspace_id})
    found = {item.candidate.document_id for item in answer.reranking.ranked}
    values = {"workspace_id": workspace_id, "document_ids": list(found)}
    if session.scalar(named("count_documents"), values) != len(found):
        raise DocumentDeleted


def store_trace(session: Session, lease: jobs.Lease, answer: Answer) -> int:
    """Store an answer with its candidates and return the ID of the trace; the caller has locked the lease."""
    usage = answer.usage
    query_id = session.scalars(
        insert(QueryTrace)
        .values(
            workspace_id=lease.workspace_id,
            job_id=lease.job_id,
            requester=lease.requester,
            question=remove_unstorable(answer.question),
            searched_as=remove_unstorable(answer.searched_as),
            recall=answer.options.recall,
            top_n=answer.options.top_n,
            top_k=answer.options.top_k,
            reranker_asked=answer.options.reranker,
            reranker=answer.reranking.method,
            profile_id=answer.profile_id,
            plan=answer.recalled.plan,
            rows_asked=answer.recalled.requested,
            rows_returned=answer.recalled.returned,
            dense_weight=answer.recalled.dense_weight,
            keyword_weight=answer.recalled.keyword_weight,
            answer=remove_unstorable(answer.generated.text),
            abstained=answer.generated.abstained,
            answer_model=remove_unstorable(answer.generated.model),
            timings_ms=dict(answer.timings_ms),
            calls=usage.calls,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cost_usd=usage.cost_usd,
            vector=answer.vector,
            baseline=None if answer.vector is None else answer.baseline,
            prompt_hashes=list(answer.prompt_hashes),
            fallbacks=remove_unstorable_json([dataclasses.asdict(fallback) for fallback in answer.fallbacks]),
        )
        .returning(QueryTrace.id)
    ).one()
    cited = {citation.chunk_id: citation for citation in answer.generated.citations}
    disagreeing = {n for group in answer.generated.conflicts for n in group}
    rows = []
    for item in answer.reranking.ranked:
        values = _candidate_values(item, cited)
        rows.append(values | {"flags": [*values["flags"], CONFLICT]} if values["citation"] in disagreeing else values)
    if rows:
        scope = {"query_id": query_id, "workspace_id": lease.workspace_id}
        session.execute(named("insert_trace_candidates"), scope | {"rows": dump_storable(rows)})
    return query_id


def iterate_questions(session: Session, workspace_id: int) -> Iterator[dict[str, Any]]:
    """Yield all questions of a workspace with their answers, oldest first, without erased ones."""
    columns = (
        QueryTrace.question,
        QueryTrace.answer,
        QueryTrace.abstained,
        QueryTrace.requester,
        QueryTrace.created_at,
    )
    query = select(*columns).where(QueryTrace.workspace_id == workspace_id, QueryTrace.question != "")
    for row in session.execute(query.order_by(QueryTrace.id).execution_options(yield_per=500)).mappings():
        yield dict(row) | {"created_at": row["created_at"].isoformat()}


def _fallback(stored: Mapping[str, Any]) -> Fallback:
    over = stored.get("over")
    return Fallback(**dict(stored) | {"over": ExceededLimit(**over) if over else None})


def _candidate_values(item: RankedCandidate, cited: dict[int, Citation]) -> dict[str, Any]:
    candidate = item.candidate
    citation = cited.get(candidate.chunk_id)
    return {
        "chunk_id": candidate.chunk_id,
        "document_id": candidate.document_id,
        "title": candidate.title,
        "page": candidate.page,
        "recall_rank": candidate.recall_rank,
        "recall_score": candidate.recall_score,
        "dense_rank": candidate.dense_rank,
        "dense_score": candidate.dense_score,
        "keyword_rank": candidate.keyword_rank,
        "keyword_score": candidate.keyword_score,
        "rank": item.rank,
        "score": item.score,
        "raw_score": item.raw_score,
        "reason": item.reason,
        "method": item.method,
        "flags": list(item.flags),
        "citation": citation.n if citation else None,
        "quote": citation.quote if citation else None,
    }
