"""Factories of deliveries, jobs, results and traces, for tests and for the screenshots in the documentation."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from db.deliveries import Delivery, DeliveryView
from db.documents import DocumentSummary
from db.job_views import JobView
from db.traces import TraceCandidate, TraceView

NOW = dt.datetime(2026, 11, 22, 18, 4, tzinfo=dt.UTC)
GUILD = "1180000000000000001"
CHANNEL = "1180000000000000002"
PERSON = "1180000000000000003"
MESSAGE_LINK = f"https://discord.com/channels/{GUILD}/{CHANNEL}/1180000000000000004"


def delivery(**values: Any) -> Delivery:
    defaults: dict[str, Any] = {
        "id": 7,
        "workspace_id": 1,
        "request_key": "interaction:1",
        "kind": "answer",
        "application_id": "1180000000000000009",
        "guild_id": GUILD,
        "channel_id": CHANNEL,
        "message_id": "1180000000000000005",
        "reply_to_id": None,
        "user_id": PERSON,
        "locale": "en-US",
        "private": False,
        "route": "channel",
        "token": None,
        "token_expires": None,
        "state": "open",
        "generation": 1,
        "parts_sent": 0,
        "claim_owner": None,
        "claim_token": None,
        "claim_expires": None,
        "attempts": 0,
        "due_at": NOW,
        "error": None,
        "created_at": NOW,
        "delivered_at": None,
    }
    return Delivery(**defaults | values)


def job(**values: Any) -> JobView:
    defaults: dict[str, Any] = {
        "id": 1234,
        "kind": "ask",
        "state": "running",
        "stage": "embed",
        "about": "How long may the laser cutter run without a break?",
        "progress_done": 0,
        "progress_total": 0,
        "progress_text": "",
        "ahead": None,
        "why": "",
        "result": None,
        "error_class": None,
        "error": None,
        "cancel_requested": False,
        "attempt": 1,
        "max_attempts": 3,
        "created_at": NOW,
        "finished_at": None,
        "payload": {},
    }
    defaults |= values
    if defaults["state"] in {"succeeded", "failed", "dead", "cancelled"}:
        defaults["finished_at"] = defaults["finished_at"] or NOW
    return JobView(**defaults)


def question_view(result: Mapping[str, Any] | None = None, **values: Any) -> DeliveryView:
    state = {"state": "succeeded", "result": result} if result is not None else {}
    return DeliveryView(delivery(), (job(**state | values),))


def ingest_view(*jobs: JobView, **values: Any) -> DeliveryView:
    return DeliveryView(delivery(kind="ingest", **values), jobs)


def document_job(name: str, state: str = "succeeded", **values: Any) -> JobView:
    return job(kind="ingest", about=name, state=state, **{"stage": "", "payload": {"channels": None}} | values)


def answer(text: str, citations: Sequence[Mapping[str, Any]] = (), **values: Any) -> dict[str, Any]:
    return {
        "job": 1234,
        "answer": text,
        "abstained": False,
        "citations": list(citations),
        "candidates": [{"chunk": n, "document": n, "title": f"Document {n}", "rank": n} for n in range(1, 51)],
        "timings_ms": {"embed": 12.0, "recall": 9.0, "rerank": 1890.0, "generate": 410.0, "total": 2330.0},
        "reranker": "late-interaction",
        "fallbacks": [],
        "model": "extractive",
        "searched_as": "",
    } | values


def citation(n: int = 1, title: str = "Laser cutter manual", **values: Any) -> dict[str, Any]:
    defaults = {
        "n": n,
        "document": 10 + n,
        "title": title,
        "page": 4,
        "quote": "Let it rest.",
        "source": "",
        "origin": "",
    }
    return defaults | values


def candidate(rank: int, recall_rank: int, title: str = "Laser cutter manual", **values: Any) -> TraceCandidate:
    defaults: dict[str, Any] = {
        "chunk_id": 100 + recall_rank,
        "document_id": 10 + rank,
        "title": title,
        "page": rank,
        "text": "Let it rest.",
        "headings": (),
        "source": "manual.pdf",
        "origin": "",
        "recall_rank": recall_rank,
        "recall_score": 1 / recall_rank,
        "dense_rank": recall_rank,
        "dense_score": 0.5,
        "keyword_rank": None,
        "keyword_score": None,
        "rank": rank,
        "score": 1 - rank / 100,
        "raw_score": None,
        "reason": "",
        "method": "late-interaction",
        "flags": (),
        "citation": None,
        "quote": None,
    }
    return TraceCandidate(**defaults | values)


def trace(*candidates: TraceCandidate, **values: Any) -> TraceView:
    defaults: dict[str, Any] = {
        "job": 1234,
        "question": "How long may the laser cutter run without a break?",
        "searched_as": "",
        "answer": "For an hour [1].",
        "abstained": False,
        "recall": "hybrid",
        "plan": "exact",
        "rows_asked": 50,
        "rows_returned": len(candidates),
        "top_k": 3,
        "reranker": "late-interaction",
        "reranker_asked": "late-interaction",
        "answer_model": "extractive",
        "fallbacks": (),
        "timings_ms": {"embed": 12.0, "recall": 9.0, "rerank": 1890.0, "generate": 410.0, "total": 2330.0},
        "calls": 0,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "cost_usd": 0.0,
        "created_at": NOW,
        "candidates": candidates,
    }
    return TraceView(**defaults | values)


def document(number: int = 12, **values: Any) -> DocumentSummary:
    defaults: dict[str, Any] = {
        "id": number,
        "title": "Laser cutter manual",
        "source": "manual.pdf",
        "media_type": "application/pdf",
        "chunks": 340,
        "pages": 28,
        "channels": None,
        "added_by": PERSON,
        "updated_at": NOW.isoformat(),
        "origin": MESSAGE_LINK,
    }
    return DocumentSummary(**defaults | values)
