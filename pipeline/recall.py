"""Recall: keywords of chunks and of questions, and the query that the store is asked."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.ports import Vocabulary
from pipeline.text.terms import count_terms, reading_share, search_terms, term_id
from pipeline.types import AnswerOptions, RecallMode, RecallQuery, Term, Vector

MAX_FREQUENCY = 32_767
"""What the store's `smallint` holds; a chunk that repeats one word more often is not more about it."""


def extract_terms(text: str) -> tuple[Term, ...]:
    """Extract the keywords of a chunk: each term once, with its frequency."""
    return tuple(Term(term, min(frequency, MAX_FREQUENCY)) for term, frequency in sorted(count_terms(text).items()))


def query_terms(question: str) -> tuple[int, ...]:
    """Extract the keywords of a question: distinct ids, without the words that only make it a question."""
    return tuple(sorted({term_id(term) for term in search_terms(question)}))


def build_query(
    question: str, vector: Vector | None, options: AnswerOptions, vocabulary: Vocabulary | None = None
) -> RecallQuery:
    """Say what the store is asked; without a vector every recall becomes keyword recall."""
    mode: RecallMode = options.recall if vector is not None else "keyword"
    return RecallQuery(
        text=question,
        vector=None if mode == "keyword" else vector,
        terms=() if mode == "dense" else query_terms(question),
        mode=mode,
        top_n=options.top_n,
        dense_weight=dense_weight(question, vocabulary),
    )


def dense_weight(question: str, vocabulary: Vocabulary | None) -> float:
    """Weigh the vector leg by the share of the question that the embedding model can read; 1 when nobody knows."""
    return 1.0 if vocabulary is None else reading_share(question, vocabulary.known_units(question))


def fuse_scores(
    dense: Sequence[float], keyword: Sequence[float], *, dense_average: float, dense_weight: float
) -> list[float]:
    """Fuse the scores of the same candidates by vector and by keyword, as the store's statement does.

    Both are brought to a scale on which 0 is an average passage of the collection and 1 the best candidate. BM25 gives
    an average passage next to nothing, so its zero stays where it is.
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
