"""Embedding profiles and vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

EmbeddingBackend = Literal["sentence-transformers", "openai", "hidden-states"]
"""What makes the vectors of a profile: a model of this machine, an OpenAI-compatible endpoint, an LLM's states."""
Pooling = Literal["", "mean", "last"]
"""How hidden states become one vector: their mean, or that of the last token; empty: the model decides."""
Vector = Sequence[float]
"""One embedding: as many floats as the profile has dimensions."""


@dataclass(frozen=True, slots=True)
class EmbeddingProfile:
    """How text becomes a vector; every stored vector belongs to exactly one profile."""

    id: int
    name: str
    model: str
    dimensions: int
    max_tokens: int
    query_prefix: str = ""
    passage_prefix: str = ""
    normalize: bool = True
    distance: Literal["cosine"] = "cosine"
    precision: Literal["half"] = "half"
    backend: EmbeddingBackend = "sentence-transformers"
    pooling: Pooling = ""
    base_url: str = ""
    """Address of the endpoint (…/v1); empty for a model that runs here."""

    def query_input(self, question: str) -> str:
        """Return the text that the model embeds for a question."""
        return self.query_prefix + question

    def passage_input(self, text: str) -> str:
        """Return the text that the model embeds for a passage."""
        return self.passage_prefix + text
