"""Recall: keywords of chunks and of questions, and the query that the store is asked."""

from __future__ import annotations

from pipeline.terms import content_terms, count_terms, term_id
from pipeline.types import AnswerOptions, RecallMode, RecallQuery, Term, Vector

MAX_FREQUENCY = 32_767
"""What the store's `smallint` holds; a chunk that repeats one word more often is not more about it."""


def extract_terms(text: str) -> tuple[Term, ...]:
    """Extract the keywords of a chunk: each term once, with its frequency."""
    return tuple(Term(term, min(frequency, MAX_FREQUENCY)) for term, frequency in sorted(count_terms(text).items()))


def query_terms(question: str) -> tuple[int, ...]:
    """Extract the keywords of a question: distinct ids, without the words that only make it a question."""
    return tuple(sorted({term_id(term) for term in content_terms(question)}))


def build_query(question: str, vector: Vector | None, options: AnswerOptions) -> RecallQuery:
    """Say what the store is asked; without a vector every recall becomes keyword recall."""
    mode: RecallMode = options.recall if vector is not None else "keyword"
    return RecallQuery(
        text=question,
        vector=None if mode == "keyword" else vector,
        terms=() if mode == "dense" else query_terms(question),
        mode=mode,
        top_n=options.top_n,
    )
