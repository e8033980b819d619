"""Embedding: what exactly a model reads for a passage and for a question.

The prefixes of a profile are applied here and nowhere else: a model that is asked without them, or with them twice,
answers quietly worse.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from pipeline.ports import Embedder, Matrix
from pipeline.types import EmbeddingProfile, Vector

HEADING_SEPARATOR = " > "


def passage_text(headings: Sequence[str], text: str) -> str:
    """Join the heading path and the text of a chunk: what is embedded, before any prefix."""
    path = HEADING_SEPARATOR.join(heading.strip() for heading in headings if heading.strip())
    return f"{path}\n{text}" if path else text


def input_hash(text: str) -> bytes:
    """Hash what `passage_text` gave; equal hash, equal vector in any profile."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def passage_input(profile: EmbeddingProfile, headings: Sequence[str], text: str) -> str:
    """Write a chunk as the profile's model wants to read it."""
    return profile.passage_prefix + passage_text(headings, text)


def query_input(profile: EmbeddingProfile, question: str) -> str:
    """Write a question as the profile's model wants to read it."""
    return profile.query_prefix + question


def embed_question(embedder: Embedder, question: str) -> Vector:
    """Embed one question with the embedder's own profile."""
    vector: Vector = fill_zeros(embedder.encode([query_input(embedder.profile, question)]))[0].tolist()
    return vector


def fill_zeros(vectors: Matrix) -> Matrix:
    """Give rows of zeros an even direction: shape (texts, dimensions) as it was.

    A model gives zeros for a text of which it knows no part. The cosine of zeros is no number, and would put such a
    passage before all others; this direction is about as far from every text as chance has it.
    """
    zeros = ~vectors.any(axis=1)
    if zeros.any():
        vectors = vectors.copy()
        vectors[zeros] = vectors.shape[1] ** -0.5
    return vectors
