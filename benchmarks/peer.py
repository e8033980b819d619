r"""Refdesk as a contender of benchmarks: ingestion through ledger, queue and worker; recall as questions do it.

Also a driver for `run.py` of `../shared/peers`, called in the folder of this project:

    PYTHONPATH=. PEERS_VENV/bin/python ../shared/peers/run.py \
        --peers floor-torch-fp32,langchain,llama-index,haystack,benchmarks.peer:Refdesk,benchmarks.peer:RefdeskInt8 \
        --python benchmarks.peer:Refdesk=.venv/bin/python --python benchmarks.peer:RefdeskInt8=.venv/bin/python
"""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import cast

from benchmarks.product import HOME_VARIABLE, MODELS, ingest_path, open_product, share_models
from config.wiring import WorkerParts, build_parts
from db import profiles
from db.recall import PostgresRecall
from pipeline.embed import embed_question
from pipeline.recall import build_query
from pipeline.types import AnswerOptions, EmbeddingProfile, Quantization


class Refdesk:
    """Each chunk is a text file. The environment variable BENCHMARK_QUANTIZATION may be int8."""

    quantization = cast("Quantization", os.environ.get("BENCHMARK_QUANTIZATION", ""))

    def __init__(self, dsn: str, model: str, table: str) -> None:
        """Start servers and an ingest worker with the packaged model; the database of the other peers is not used."""
        self._stack = ExitStack()
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="refdesk-peer-")))
        home = self._folder / "home"
        if shared := os.environ.get(HOME_VARIABLE):
            share_models(home, Path(shared) / MODELS)
        self._context = self._stack.enter_context(open_product(home, self.quantization))

    def setup(self) -> None:
        """Create an empty workspace."""
        self._workspace_id = self._context.workspace("benchmark")

    def warm(self, texts: list[str]) -> None:
        """Ingest the texts into another workspace."""
        workspace_id = self._context.workspace("warm-up")
        self._ingest(workspace_id, [{"id": f"warm-{number}", "text": text} for number, text in enumerate(texts)])

    def ingest(self, chunks: list[dict[str, str]]) -> None:
        """Ingest each chunk as a document and wait for all of them."""
        self._ingest(self._workspace_id, chunks)

    def recall(self, query: str, k: int) -> list[str]:
        """Embed the question and recall the nearest chunks with their texts, in this process."""
        vector = embed_question(self._parts.embedder, query)
        options = AnswerOptions(recall="dense", top_n=k)
        candidates = self._store.recall(build_query(query, vector, options, None)).candidates
        return [Path(candidate.source).stem for candidate in candidates]

    def close(self) -> None:
        """Stop the worker and the servers, and remove the data."""
        self._stack.close()

    def _ingest(self, workspace_id: int, chunks: list[dict[str, str]]) -> None:
        folder = self._folder / f"workspace-{workspace_id}"
        folder.mkdir()
        for chunk in chunks:
            (folder / f"{chunk['id']}.txt").write_text(chunk["text"], encoding="utf-8")
        ingest_path(self._context, workspace_id, folder)

    @cached_property
    def _profile(self) -> EmbeddingProfile:
        with self._context.database.system() as session:
            profile = profiles.find_live(session)
        assert profile is not None
        return profile

    @cached_property
    def _parts(self) -> WorkerParts:
        return build_parts(self._context.settings, self._profile, role="query")

    @cached_property
    def _store(self) -> PostgresRecall:
        return PostgresRecall(self._context.database, self._workspace_id, self._profile)


class RefdeskInt8(Refdesk):
    """Refdesk with an int8 profile."""

    quantization = "int8"
