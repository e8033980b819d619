"""Sentence scores: the similarity of a question to each sentence, computed with the embedding model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.generate.extractive import SentenceScorer
from pipeline.ports import Embedder


def build_sentence_scorer(embedder: Embedder) -> SentenceScorer:
    """Return a function that computes the cosine similarity of a question to each sentence."""

    def score(question: str, sentences: Sequence[str]) -> Sequence[float]:
        if not sentences:
            return []
        profile = embedder.profile
        texts = [profile.query_input(question), *(profile.passage_input(sentence) for sentence in sentences)]
        vectors = embedder.encode(texts)
        scores: Sequence[float] = (vectors[1:] @ vectors[0]).astype(np.float64).tolist()
        return scores

    return score
