"""Answer one question with several methods through the answer flow, without storing anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from config.cross_encoders import read_choice, uses_cross_encoder
from config.wiring import build_parts, build_shared
from db import documents, workspaces
from db.recall import PostgresRecall
from evaluation.cost import USD_DECIMALS, total_tokens
from evaluation.evaluate import EvaluationEnvironment
from pipeline.answer import answer_question
from pipeline.answer_parts import AnswerParts
from pipeline.rerank import build_cascade
from pipeline.types import Answer, AnswerOptions
from tasks.startup import ensure_live_profile

OnMethod = Callable[[str, int, int], None]
"""Called before each method: its name, done, total."""


def answer_side_by_side(
    question: str,
    compared: Sequence[AnswerOptions],
    workspace: str,
    environment: EvaluationEnvironment,
    *,
    with_answers: bool,
    on_method: OnMethod,
) -> list[Answer]:
    """Answer a question with each set of options, using the documents of all channels of the workspace.

    Args:
        question: A checked question.
        compared: The options to compare.
        workspace: Key of the workspace.
        environment: Settings and database.
        with_answers: Let the language model write the answers. It is used for reranking in either case.
        on_method: Called before each method.
    """
    with environment.database.system() as session:
        workspace_id = workspaces.find_workspace(session, workspace)
    with environment.database.tenant(workspace_id) as session:
        channels = documents.list_channels(session, workspace_id)
    profile = ensure_live_profile(environment.database, environment.settings)
    shared = build_shared(environment.settings, read_choice(environment.settings, environment.database))
    if any(uses_cross_encoder(options.reranker) for options in compared):
        shared.cross_encoder.load()  # otherwise `auto` would use another method during a download
    parts = build_parts(environment.settings, profile, role="query", shared=shared)
    try:
        answer = parts.answer_with(PostgresRecall(environment.database, workspace_id, profile, channels))
        return _answer_each(question, compared, answer if with_answers else replace(answer, chat=None), on_method)
    finally:
        parts.close()


def _answer_each(
    question: str, compared: Sequence[AnswerOptions], parts: AnswerParts, on_method: OnMethod
) -> list[Answer]:
    for options in compared:  # reject an unknown name before the first paid call
        build_cascade(options.reranker, parts.rerankers)
    answers = []
    for done, options in enumerate(compared):
        on_method(method_name(options), done, len(compared))
        answers.append(answer_question(question, options, parts, lambda *_: None))
    return answers


def method_name(options: AnswerOptions) -> str:
    """Return the name of a set of options: recall and reranker."""
    return f"{options.recall} + {options.reranker}"


def answer_json(answer: Answer, *, most: int, with_answers: bool) -> dict[str, Any]:
    """Build the JSON document of one answer with the first `most` passages."""
    return {
        "method": answer.options.reranker,
        "recall": answer.options.recall,
        "used": answer.reranking.method,
        "ms": {stage: round(spent, 1) for stage, spent in answer.timings_ms.items()},
        "calls": answer.usage.calls,
        "tokens": total_tokens(answer.usage),
        "cost_usd": round(answer.usage.cost_usd, USD_DECIMALS),
        "fallbacks": [
            {"stage": fallback.stage, "method": fallback.method, "used": fallback.used, "reason": fallback.reason}
            for fallback in answer.fallbacks
        ],
        "passages": [
            {
                "rank": ranked.rank,
                "score": round(ranked.score, 4),
                "recall_rank": ranked.candidate.recall_rank,
                "chunk": ranked.candidate.chunk_id,
                "document": ranked.candidate.document_id,
                "title": ranked.candidate.title,
                "page": ranked.candidate.page,
                "text": ranked.candidate.text,
                "reason": ranked.reason,
            }
            for ranked in answer.reranking.ranked[:most]
        ],
        "answer": answer.generated.text if with_answers else None,
    }
