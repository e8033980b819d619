"""Lower bounds: one call of the encoder, one COPY, one SELECT per question, and nothing else.

`TorchLoop` encodes as most libraries do by default. `EncoderLoop` uses the product's encoder for a profile, so that its
difference to the product is what ledger, queue, worker, parser and index cost.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from pgvector.psycopg import register_vector

from benchmarks.product import HOME_VARIABLE, build_profile, build_settings
from config.embedding import build_embedder
from pipeline.types import Quantization

BATCH_SIZE = 32


class PlainLoop:
    """A table with texts and vectors."""

    def __init__(self, dsn: str, model: str, table: str) -> None:
        """Connect and load the encoder."""
        self._connection = psycopg.connect(dsn, autocommit=True)
        self._connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        register_vector(self._connection)
        self._table = table
        self.load(model)

    def load(self, model: str) -> None:
        """Load the encoder."""
        raise NotImplementedError

    def encode(self, texts: list[str]) -> Any:
        """Return unit vectors, shape (texts, dimensions)."""
        raise NotImplementedError

    def setup(self) -> None:
        """Create an empty table."""
        dimensions = self.encode(["text"]).shape[1]
        self.close()
        self._connection.execute(
            f"CREATE TABLE {self._table} (id text PRIMARY KEY, body text NOT NULL, vector vector({dimensions}))"
        )

    def warm(self, texts: list[str]) -> None:
        """Run the encoder once."""
        self.encode(texts)

    def ingest(self, chunks: list[dict[str, str]]) -> None:
        """Encode all texts in one call and write them with one COPY."""
        vectors = self.encode([chunk["text"] for chunk in chunks])
        statement = f"COPY {self._table} (id, body, vector) FROM STDIN WITH (FORMAT BINARY)"
        with self._connection.cursor().copy(statement) as copy:
            copy.set_types(["text", "text", "vector"])
            for chunk, vector in zip(chunks, vectors, strict=True):
                copy.write_row((chunk["id"], chunk["text"], vector))

    def recall(self, query: str, k: int) -> list[str]:
        """Encode the question and compare it with all vectors."""
        statement = f"SELECT id, body FROM {self._table} ORDER BY vector <=> %s LIMIT %s"  # noqa: S608 - a fixed name
        return [row[0] for row in self._connection.execute(statement, (self.encode([query])[0], k), prepare=True)]

    def close(self) -> None:
        """Drop the table."""
        self._connection.execute(f"DROP TABLE IF EXISTS {self._table}")


class TorchLoop(PlainLoop):
    """sentence-transformers with torch in float32, as the libraries call it."""

    def load(self, model: str) -> None:
        """Load the model."""
        from sentence_transformers import SentenceTransformer

        self._model = SentenceTransformer(model, device="cpu")

    def encode(self, texts: list[str]) -> Any:
        """Return unit vectors."""
        return self._model.encode(texts, batch_size=BATCH_SIZE, normalize_embeddings=True, show_progress_bar=False)


class EncoderLoop(PlainLoop):
    """The product's encoder without quantisation."""

    quantization: Quantization = ""

    def load(self, model: str) -> None:
        """Load the encoder as a worker does."""
        settings = build_settings(Path(os.environ[HOME_VARIABLE]))
        self._embedder = build_embedder(settings, build_profile(settings, self.quantization))

    def encode(self, texts: list[str]) -> Any:
        """Return unit vectors."""
        return np.asarray(self._embedder.encode(texts), dtype=np.float32)


class Int8Loop(EncoderLoop):
    """The product's encoder for an int8 profile."""

    quantization = "int8"
