"""What a worker child holds: settings, its database pool and the loaded parts, built once before it takes work."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from config.profile_parts import ProfilePartsCache
from config.settings import Settings
from config.wiring import WorkerParts
from db import profiles
from db.engine import Database
from pipeline.errors import SetupError
from pipeline.types import EmbeddingProfile


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything a task needs."""

    worker: str
    settings: Settings
    database: Database
    parts: ProfilePartsCache
    """By embedding profile."""
    wake_embedder: Callable[[], None] = lambda: None
    """Says that a document brought chunks; does nothing in a worker that embeds nothing."""


_runtime: Runtime | None = None


def set_runtime(runtime: Runtime) -> None:
    """Make a runtime the one of this process."""
    global _runtime  # noqa: PLW0603 - one runtime per process, set once by the worker's start-up
    _runtime = runtime


def get_runtime() -> Runtime:
    """Give this process's runtime."""
    if _runtime is None:
        raise RuntimeError("this process is no worker: tasks.startup has not run")
    return _runtime


def get_live_parts(runtime: Runtime) -> tuple[EmbeddingProfile, WorkerParts]:
    """Give the profile that is live at this moment, with its parts; its model loads now if nothing has loaded it."""
    with runtime.database.system() as session:
        profile = profiles.find_live(session)
    if profile is None:
        raise SetupError("The store has no live embedding profile; start a worker, it makes the first one.")
    return profile, runtime.parts.get(profile)


def build_worker_name(role: str) -> str:
    """Name a worker process so that a person finds it: host, role, process, start."""
    return f"{socket.gethostname()}:{role}:{os.getpid()}:{int(time.time())}"
