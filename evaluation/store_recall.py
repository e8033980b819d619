"""Recall for evaluations, with the same stages and SQL as the answer flow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from db import documents
from db.engine import Database
from db.models import ChunkRow
from db.recall import PostgresRecall
from evaluation.datasets import Question, Run
from evaluation.runs import RunRecall
from pipeline.answer_parts import AnswerParts
from pipeline.embed import embed_question
from pipeline.errors import ModelUnavailable
from pipeline.ports import Embedder
from pipeline.recall import build_query
from pipeline.types import AnswerOptions, Candidate, RecallMode, RecallResult, Vector


@dataclass(frozen=True, slots=True)
class StoreRecall:
    """Recalls from the store as the answer flow does."""

    parts: AnswerParts
    mode: RecallMode
    top_n: int

    def __call__(self, question: Question) -> RecallResult:
        """Recall the candidates of one question."""
        vector = None if self.mode == "keyword" else embed_question(_require_embedder(self.parts), question.text)
        options = AnswerOptions(recall=self.mode, top_n=self.top_n)
        return self.parts.store.recall(build_query(question.text, vector, options, self.parts.vocabulary))


@dataclass(frozen=True, slots=True)
class StoreScores:
    """Scores stored chunks by their cosine similarity to a question."""

    recall: PostgresRecall
    embedder: Embedder

    def __call__(self, question: str, chunk_ids: Sequence[int]) -> Mapping[int, float]:
        """Return the cosine similarity of each chunk's stored vector to the question."""
        vector: Vector = embed_question(self.embedder, question)
        return self.recall.dense_scores(vector, chunk_ids)


def recall_from_run(
    run: Run,
    questions: Sequence[Question],
    *,
    database: Database,
    workspace_id: int,
    recall: PostgresRecall,
    parts: AnswerParts,
    mode: RecallMode,
    top_n: int,
) -> RunRecall:
    """Load the chunks of a run's documents once, before any measurement, and return its recall."""
    document_ids = {entry.document_id for question in questions for entry in run.rankings.get(question.id, ())[:top_n]}
    chunks = _load_chunks_by_source(database, workspace_id, document_ids)

    def chunks_of(document_ids: Sequence[str]) -> Mapping[str, Sequence[Candidate]]:
        return {document_id: chunks.get(document_id, ()) for document_id in document_ids}

    return RunRecall(run, mode, top_n, chunks_of, StoreScores(recall, _require_embedder(parts)), parts.vocabulary)


def _require_embedder(parts: AnswerParts) -> Embedder:
    if parts.embedder is None:
        raise ModelUnavailable(f"Dense recall needs the embedding model: {parts.embedder_missing}")
    return parts.embedder


def _load_chunks_by_source(
    database: Database, workspace_id: int, document_ids: set[str]
) -> Mapping[str, tuple[Candidate, ...]]:
    with database.tenant(workspace_id) as session:
        everything = documents.list_documents(session, limit=10_000_000)
        return {
            document.source: _to_candidates(document, documents.read_document(session, document.id)[1])
            for document in everything
            if document.source in document_ids
        }


def _to_candidates(document: documents.DocumentSummary, chunks: Sequence[ChunkRow]) -> tuple[Candidate, ...]:
    blank = Candidate(0, document.id, document.title, "", recall_rank=0, recall_score=0.0, source=document.source)
    return tuple(
        replace(blank, chunk_id=chunk.id, text=chunk.text, headings=tuple(chunk.headings), page=chunk.page)
        for chunk in chunks
    )
