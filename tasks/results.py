"""The result of an answer as front ends and other programs read it."""

from __future__ import annotations

import dataclasses
from typing import Any

from pipeline.types import Answer


def answer_json(job_id: int, answer: Answer) -> dict[str, Any]:
    """Write an answer as the JSON document that `refdesk ask --json` prints."""
    generated = answer.generated
    return {
        "job": job_id,
        "answer": generated.text,
        "abstained": generated.abstained,
        "citations": [
            {"n": c.n, "document": c.document_id, "title": c.title, "page": c.page, "quote": c.quote}
            | {"source": c.source, "origin": c.origin}
            for c in generated.citations
        ],
        "candidates": [
            {
                "chunk": item.candidate.chunk_id,
                "document": item.candidate.document_id,
                "title": item.candidate.title,
                "recall_rank": item.candidate.recall_rank,
                "rank": item.rank,
                "score": round(item.score, 6),
                "reason": item.reason,
            }
            for item in answer.reranking.ranked
        ],
        "timings_ms": {stage: round(ms, 1) for stage, ms in answer.timings_ms.items()},
        "reranker": answer.reranking.method,
        "fallbacks": [dataclasses.asdict(fallback) for fallback in answer.fallbacks],
        "model": generated.model,
        "searched_as": answer.searched_as,
    }
