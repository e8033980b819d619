"""Embedding profiles and vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

EmbeddingBackend = Literal["sentence-transformers", "openai", "hidden-states"]
"""Source of the vectors: a local model, an OpenAI-compatible endpoint, or the hidden states of an LLM."""
Pooling = Literal["", "mean", "last"]
"""How hidden states become one vector: mean, or last token; empty: the model's default."""
Quantization = Literal["", "int8"]
"""Precision of a local model's weights and activations: int8, or as the model is (bf16 or fp32) when empty."""
Vector = Sequence[float]
"""An embedding; its length is `EmbeddingProfile.dimensions`."""


@dataclass(frozen=True, slots=True)
class EmbeddingProfile:
    """Model and settings that turn text into a vector; every stored vector belongs to exactly one profile."""

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
    """Address of the endpoint (…/v1); empty for a local model."""
    quantization: Quantization = ""

    def query_input(self, question: str) -> str:
        """Return the text that the model embeds for a question."""
        return self.query_prefix + question

    def passage_input(self, text: str) -> str:
        """Return the text that the model embeds for a passage."""
        return self.passage_prefix + text
