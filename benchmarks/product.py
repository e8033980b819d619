"""Drive the product in benchmarks: settings, embedding profile, servers, ingestion."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from cli.context import CommandContext, open_context
from cli.ingest import submit_sources
from cli.sources import find_sources
from cli.waiting import wait_for
from config.embedding import build_embedder, describe_configured_profile
from config.setting_groups import ServerSettings
from config.settings import Settings
from db import documents, profiles
from pipeline.text.passages import build_passage
from pipeline.types import EmbeddingProfile, Quantization

HOME_VARIABLE = "BENCHMARK_HOME"
"""Environment variable with the data folder whose saved models are shared by all processes of a benchmark."""

MODELS = "models"
"""Folder of the saved models below the data folder."""


def build_settings(home: Path) -> Settings:
    """Return the default settings with this data folder and the embedded servers."""
    return Settings(_env_file=None, servers=ServerSettings(home=home, database_url=None, redis_url=None))


def build_profile(settings: Settings, quantization: Quantization = "") -> EmbeddingProfile:
    """Describe the profile of the packaged model."""
    return replace(describe_configured_profile(settings), quantization=quantization)


def share_models(home: Path, models: Path) -> None:
    """Let a data folder use the saved models of another one, so that no model is exported twice."""
    home.mkdir(parents=True, exist_ok=True)
    models.mkdir(parents=True, exist_ok=True)
    (home / MODELS).symlink_to(models, target_is_directory=True)


@contextmanager
def set_environment(**variables: str) -> Iterator[None]:
    """Set environment variables, which workers read their settings from."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def open_product(home: Path, quantization: Quantization = "") -> Iterator[CommandContext]:
    """Open servers with an empty store of this profile, and start an ingest worker.

    The model is exported before, because a worker that exports it may not be ready in time on a busy machine.
    """
    settings = build_settings(home)
    build_embedder(settings, build_profile(settings, quantization))
    with set_environment(REFDESK_HOME=str(home)), open_context(settings) as context:
        with context.database.system() as session:
            profiles.add_first(session, build_profile(settings, quantization))
        context.workers.ensure(("ingest",))
        yield context


def ingest_path(context: CommandContext, workspace_id: int, path: Path) -> float:
    """Ingest a file or folder and return the seconds from submission until all documents can be recalled."""
    started = time.perf_counter()
    entries = submit_sources(context, workspace_id, find_sources([str(path)], max_bytes=10**9), channels=None)
    numbers: Sequence[int] = [entry.job for entry in entries if entry.job is not None]
    states: list[str] = []
    wait_for(
        context, workspace_id, numbers, "ingest", lambda seen: states.extend(job.state for job in seen if job.finished)
    )
    elapsed = time.perf_counter() - started
    assert states == ["succeeded"] * len(entries), set(states)
    return elapsed


def read_embedding_inputs(context: CommandContext, workspace_id: int) -> list[str]:
    """Return the texts that were embedded for all chunks of a workspace."""
    texts = []
    with context.database.tenant(workspace_id) as session:
        for document in documents.list_documents(session, limit=10**6):
            chunks = documents.read_document(session, document.id)[1]
            texts += [build_passage(chunk.headings, chunk.text) for chunk in chunks]
    return texts


def has_int8() -> bool:
    """Return whether NNCF is installed, which exports int8 models."""
    return find_spec("nncf") is not None
