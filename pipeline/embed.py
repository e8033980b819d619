"""Embedding inputs: the exact text that a model embeds for a chunk and for a question.

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


def hash_input(text: str) -> bytes:
    """Hash an embedding input without prefix; equal hashes have equal vectors in every profile."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def build_passage_input(profile: EmbeddingProfile, headings: Sequence[str], text: str) -> str:
    """Return the text that the profile's model embeds for a chunk, with its prefix."""
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
    """Replace rows of zeros with the uniform unit vector; shape (texts, dimensions).

    A model returns zeros for a text without any known token. The cosine of zeros is NaN, which would rank its passage
    before all others. The uniform vector is about as similar to every text as a random one.
    """
    zeros = ~vectors.any(axis=1)
    if zeros.any():
        vectors = vectors.copy()
        vectors[zeros] = vectors.shape[1] ** -0.5
    return vectors
