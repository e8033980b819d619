"""Measure what an embedding profile costs: speed, tokens and size on the chunks of a corpus."""

from __future__ import annotations

import time
from dataclasses import dataclass

from config.wiring import WorkerParts
from db import documents
from db.engine import Database
from pipeline.embed import build_passage_input
from pipeline.types import EmbeddingProfile

SAMPLE_CHUNKS = 256
"""Number of chunks that are embedded again to measure the speed; an endpoint charges for them."""
VECTOR_BYTES = 2
"""Bytes of one component of a stored vector (half precision)."""


@dataclass(frozen=True, slots=True)
class EmbeddingFigures:
    """What it takes to embed a corpus with a profile."""

    profile: EmbeddingProfile
    chunks: int
    chunks_per_s: float
    """Measured on at most `SAMPLE_CHUNKS` chunks, with a loaded model and nothing stored."""
    tokens: int
    """Tokens of all chunks with headings and prefix, cut at what the model reads; special tokens are not counted."""
    usd: float
    """Price of these tokens by REFDESK_PRICES; 0 for a local model."""

    @property
    def megabytes(self) -> float:
        """Size of the vectors without indexes."""
        return self.chunks * self.profile.dimensions * VECTOR_BYTES / 1_000_000


def measure_embedding(
    database: Database, workspace_id: int, parts: WorkerParts, *, usd_per_million_tokens: float
) -> EmbeddingFigures:
    """Count the tokens of all chunks of a workspace, and embed some of them to measure the speed."""
    profile = parts.embedder.profile
    with database.tenant(workspace_id) as session:
        texts = [build_passage_input(profile, *chunk) for chunk in documents.list_chunks(session)]
    tokens = sum(min(parts.ingest.tokenizer.count(text), profile.max_tokens) for text in texts)
    sample = texts[:: max(1, len(texts) // SAMPLE_CHUNKS)][:SAMPLE_CHUNKS]
    return EmbeddingFigures(
        profile=profile,
        chunks=len(texts),
        chunks_per_s=_measure_speed(parts, sample),
        tokens=tokens,
        usd=tokens * usd_per_million_tokens / 1_000_000 if profile.backend == "openai" else 0.0,
    )


def _measure_speed(parts: WorkerParts, texts: list[str]) -> float:
    if not texts:
        return 0.0
    parts.embedder.encode(texts[:1])  # the model loads
    started = time.perf_counter()
    parts.embedder.encode(texts)
    return len(texts) / (time.perf_counter() - started)
