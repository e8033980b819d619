"""Recall: the terms of chunks and questions, and the query for the store."""

from __future__ import annotations

from pipeline.ports import Vocabulary
from pipeline.text.terms import count_terms, reading_share, search_terms, term_id
from pipeline.types import AnswerOptions, RecallMode, RecallQuery, Term, Vector

MAX_FREQUENCY = 32_767
"""Maximum of the `smallint` column; a higher frequency would not make a chunk more relevant."""


def extract_terms(text: str) -> tuple[Term, ...]:
    """Return the terms of a chunk with their frequencies, sorted by ID."""
    return tuple(Term(term, min(frequency, MAX_FREQUENCY)) for term, frequency in sorted(count_terms(text).items()))


def extract_query_terms(question: str) -> tuple[int, ...]:
    """Return the sorted IDs of the terms that a question is searched by."""
    return tuple(sorted({term_id(term) for term in search_terms(question)}))


def build_query(
    question: str, vector: Vector | None, options: AnswerOptions, vocabulary: Vocabulary | None = None
) -> RecallQuery:
    """Build the recall query. Without a vector, every mode becomes keyword recall."""
    mode: RecallMode = options.recall if vector is not None else "keyword"
    return RecallQuery(
        text=question,
        vector=None if mode == "keyword" else vector,
        terms=() if mode == "dense" else extract_query_terms(question),
        mode=mode,
        top_n=options.top_n,
        dense_weight=compute_dense_weight(question, vocabulary),
    )


def compute_dense_weight(question: str, vocabulary: Vocabulary | None) -> float:
    """Return the weight of dense scores: the share of the question that the embedding model reads, 1 if unknown."""
    return 1.0 if vocabulary is None else reading_share(question, vocabulary.known_units(question))
