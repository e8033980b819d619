"""Embedding: what exactly a model reads for a passage and for a question.

`EmbeddingProfile` applies the prefixes of the model. Without them, or with them twice, retrieval gets worse and no
error is raised.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from pipeline.errors import Cancelled, LeaseLost
from pipeline.ports import Embedder, Matrix
from pipeline.text.passages import build_passage
from pipeline.types import EmbeddingProfile, Vector


def input_hash(text: str) -> bytes:
    """Hash an embedding input without prefix; equal hashes have equal vectors in every profile."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def passage_input(profile: EmbeddingProfile, headings: Sequence[str], text: str) -> str:
    """Write a chunk as the profile's model wants to read it."""
    return profile.passage_input(build_passage(headings, text))


def embed_question(embedder: Embedder, question: str) -> Vector:
    """Embed one question with the embedder's own profile."""
    vector: Vector = fill_zeros(embedder.encode([embedder.profile.query_input(question)]))[0].tolist()
    return vector


def try_embed_question(embedder: Embedder | None, question: str) -> tuple[Vector | None, str]:
    """Embed one question; without a model or if it fails, return None and the reason (empty without a model)."""
    if embedder is None:
        return None, ""
    try:
        return embed_question(embedder, question), ""
    except (Cancelled, LeaseLost):
        raise
    except Exception as error:  # noqa: BLE001 - keyword recall works without a model
        return None, f"{type(error).__name__}: {error}"


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
