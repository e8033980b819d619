"""Sentence scores: the similarity of a question to each sentence, computed with the embedding model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.generate.extractive import SentenceScorer
from pipeline.ports import Embedder, Vocabulary
from pipeline.text.terms import reading_share

LEAST_READ = 0.5
"""Share of the question that the model must read; the similarity of texts that it does not read is chance."""


def build_sentence_scorer(embedder: Embedder) -> SentenceScorer:
    """Return a function that computes the cosine similarity of a question to each sentence."""

    def score(question: str, sentences: Sequence[str]) -> Sequence[float]:
        share = reading_share(question, embedder.known_units(question)) if isinstance(embedder, Vocabulary) else 1.0
        if not sentences or share < LEAST_READ:
            return [0.0] * len(sentences)
        profile = embedder.profile
        texts = [profile.query_input(question), *(profile.passage_input(sentence) for sentence in sentences)]
        vectors = embedder.encode(texts)
        scores: Sequence[float] = (vectors[1:] @ vectors[0]).astype(np.float64).tolist()
        return scores

    return score
