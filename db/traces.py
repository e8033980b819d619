"""The trace of an answered question: everything that was seen on the way, for people who ask why."""

from __future__ import annotations

import dataclasses
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from db import jobs
from db.models import QueryCandidate, QueryTrace
from db.plain import storable
from pipeline.types import Answer, Citation, Ranked


def store_trace(session: Session, lease: jobs.Lease, answer: Answer) -> int:
    """Store an answer with its candidates (in a tenant transaction that holds the lease); gives the trace's number."""
    usage = answer.reranking.usage + answer.generated.usage
    query_id = session.scalars(
        insert(QueryTrace)
        .values(
            workspace_id=lease.workspace_id,
            job_id=lease.job_id,
            requester=lease.requester,
            question=storable(answer.question),
            recall=answer.options.recall,
            top_n=answer.options.top_n,
            top_k=answer.options.top_k,
            reranker_asked=answer.options.reranker,
            reranker=answer.reranking.method,
            profile_id=answer.profile_id,
            plan=answer.recalled.plan,
            rows_asked=answer.recalled.asked,
            rows_returned=answer.recalled.returned,
            answer=storable(answer.generated.text),
            abstained=answer.generated.abstained,
            answer_model=storable(answer.generated.model),
            timings_ms=dict(answer.timings_ms),
            calls=usage.calls,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cost_usd=usage.cost_usd,
            prompt_hashes=[*answer.reranking.prompt_hashes, *answer.generated.prompt_hashes],
            fallbacks=storable([dataclasses.asdict(fallback) for fallback in answer.fallbacks]),
        )
        .returning(QueryTrace.id)
    ).one()
    cited = {citation.chunk_id: citation for citation in answer.generated.citations}
    rows = [_candidate_values(query_id, lease.workspace_id, item, cited) for item in answer.reranking.ranked]
    if rows:
        session.execute(insert(QueryCandidate), rows)
    return query_id


def _candidate_values(query_id: int, workspace_id: int, item: Ranked, cited: dict[int, Citation]) -> dict[str, Any]:
    candidate = item.candidate
    citation = cited.get(candidate.chunk_id)
    return {
        "query_id": query_id,
        "workspace_id": workspace_id,
        "chunk_id": candidate.chunk_id,
        "document_id": candidate.document_id,
        "title": storable(candidate.title),
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
        "reason": storable(item.reason),
        "method": item.method,
        "flags": storable(item.flags),
        "citation": citation.n if citation else None,
        "quote": storable(citation.quote if citation else None),
    }
