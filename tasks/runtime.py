"""The state of a worker child: settings, database pool and loaded parts, built once before it receives tasks."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from config.profile_parts import ProfilePartsCache
from config.settings import Settings
from config.wiring import AnswerBuilder, WorkerParts
from db import profiles
from db.engine import Database
from pipeline.errors import SetupError
from pipeline.types import EmbeddingProfile
from tasks.batch_sizer import BatchSizer


@dataclass(frozen=True, slots=True)
class Runtime:
    """The settings, connections and loaded parts that tasks use."""

    worker: str
    settings: Settings
    database: Database
    parts: ProfilePartsCache
    """The loaded parts by embedding profile."""
    wake_embedder: Callable[[], None] = lambda: None
    """Called when a document has added chunks; does nothing in a query worker."""
    chunk_s: dict[int, float] = field(default_factory=dict)
    """Seconds per chunk of the last claim that was embedded, by embedding profile."""
    batch_sizer: BatchSizer = field(default_factory=BatchSizer)


_runtime: Runtime | None = None


def set_runtime(runtime: Runtime) -> None:
    """Set the runtime of this process."""
    global _runtime  # noqa: PLW0603 - one runtime per process, set once by the worker's start-up
    _runtime = runtime


def get_runtime() -> Runtime:
    """Return the runtime of this process."""
    if _runtime is None:
        raise RuntimeError("This process is not a worker: tasks.startup has not run.")
    return _runtime


def get_live_parts(runtime: Runtime) -> tuple[EmbeddingProfile, WorkerParts]:
    """Return the live profile and its parts, loading its model if necessary."""
    profile = find_live_profile(runtime)
    return profile, runtime.parts.get(profile)


def get_live_answers(runtime: Runtime) -> tuple[EmbeddingProfile, AnswerBuilder]:
    """Return the live profile and its answer flow, which works by keywords while its model cannot be loaded."""
    profile = find_live_profile(runtime)
    return profile, runtime.parts.get_answers(profile)


def find_live_profile(runtime: Runtime) -> EmbeddingProfile:
    """Return the live profile; raise `SetupError` if there is none."""
    with runtime.database.system() as session:
        profile = profiles.find_live(session)
    if profile is None:
        raise SetupError("The store has no live embedding profile. Start a worker: it adds the first one.")
    return profile


def build_worker_name(role: str) -> str:
    """Return the ID of a worker process: host, role, process ID and start time (Unix seconds)."""
    return f"{socket.gethostname()}:{role}:{os.getpid()}:{int(time.time())}"
