"""The result of a question as JSON, for front ends and other programs."""

from __future__ import annotations

import dataclasses
from typing import Any

from pipeline.types import Answer, Citation


def build_answer_json(job_id: int, answer: Answer) -> dict[str, Any]:
    """Return an answer as the JSON document that `refdesk ask --json` prints."""
    generated = answer.generated
    return {
        "job": job_id,
        "answer": generated.text,
        "abstained": generated.abstained,
        "citations": [
            {"n": c.n, "document": c.document_id, "title": c.title, "page": c.page, "quote": c.quote}
            | {"source": c.source, "origin": c.origin, "also_in": _find_duplicates(c, answer)}
            | {"confidence": None if c.confidence is None else round(c.confidence, 2)}
            for c in generated.citations
        ],
        "conflicts": [list(group) for group in generated.conflicts],
        "candidates": [
            {
                "chunk": item.candidate.chunk_id,
                "document": item.candidate.document_id,
                "title": item.candidate.title,
                "recall_rank": item.candidate.recall_rank,
                "rank": item.rank,
                "score": round(item.score, 6),
                "reason": item.reason,
                "flags": list(item.flags),
            }
            for item in answer.reranking.ranked
        ],
        "timings_ms": {stage: round(ms, 1) for stage, ms in answer.timings_ms.items()},
        "reranker": answer.reranking.method,
        "fallbacks": [dataclasses.asdict(fallback) for fallback in answer.fallbacks],
        "model": generated.model,
        "searched_as": answer.searched_as,
    }


def _find_duplicates(citation: Citation, answer: Answer) -> list[dict[str, Any]]:
    """Return the other documents that contain the cited passage, each once."""
    titles = {
        item.candidate.document_id: item.candidate.title
        for item in answer.reranking.ranked
        if item.same_as == citation.chunk_id and item.candidate.document_id != citation.document_id
    }
    return [{"document": document, "title": title} for document, title in titles.items()]
