"""Recall: the terms of chunks and questions, and the query for the store."""

from __future__ import annotations

from collections.abc import Sequence

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


def fuse_scores(
    dense: Sequence[float], keyword: Sequence[float], *, dense_average: float, dense_weight: float
) -> list[float]:
    """Fuse dense and keyword scores of the same candidates, as the store's SQL statement does.

    Both are scaled so that 0 is an average passage of the collection and 1 the best candidate. BM25 scores an average
    passage near zero, so its zero is kept.
    """
    dense_unit = max(dense, default=0.0) - dense_average
    keyword_unit = max(keyword, default=0.0)
    return [
        (
            dense_weight * ((similarity - dense_average) / dense_unit if dense_unit > 0 else 0.0)
            + (score / keyword_unit if keyword_unit > 0 else 0.0)
        )
        / (dense_weight + 1)
        for similarity, score in zip(dense, keyword, strict=True)
    ]
