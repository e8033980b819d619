"""Recall: the terms of chunks and questions, and the query for the store."""

from __future__ import annotations

from pipeline.ports import Vocabulary
from pipeline.text.languages import find_likely_languages
from pipeline.text.stemming import ENGLISH
from pipeline.text.terms import count_terms, reading_share, search_forms, term_id
from pipeline.types import AnswerOptions, RecallMode, RecallQuery, Term, Vector

MAX_FREQUENCY = 32_767
"""Maximum of the `smallint` column; a higher frequency would not make a chunk more relevant."""


def extract_terms(text: str, language: str = ENGLISH) -> tuple[Term, ...]:
    """Return the terms of a chunk in a language with their frequencies, sorted by ID."""
    counts = count_terms(text, language)
    return tuple(Term(term, min(frequency, MAX_FREQUENCY)) for term, frequency in sorted(counts.items()))


def extract_query_words(question: str) -> tuple[tuple[int, ...], ...]:
    """Return the words that a question is searched by, each as the IDs of its forms."""
    words = search_forms(question, find_likely_languages(question))
    return tuple(sorted(tuple(sorted(map(term_id, forms))) for forms in words))


def build_query(
    question: str, vector: Vector | None, options: AnswerOptions, vocabulary: Vocabulary | None = None
) -> RecallQuery:
    """Build the recall query. Without a vector, every mode becomes keyword recall."""
    mode: RecallMode = options.recall if vector is not None else "keyword"
    return RecallQuery(
        text=question,
        vector=None if mode == "keyword" else vector,
        words=() if mode == "dense" else extract_query_words(question),
        mode=mode,
        top_n=options.top_n,
        dense_weight=compute_dense_weight(question, vocabulary),
    )


def compute_dense_weight(question: str, vocabulary: Vocabulary | None) -> float:
    """Return the weight of dense scores: the share of the question that the embedding model reads, 1 if unknown."""
    return 1.0 if vocabulary is None else reading_share(question, vocabulary.known_units(question))
