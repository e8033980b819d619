"""Parts by embedding profile: what a worker has in memory, loaded when a profile is first asked for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from typing import Literal

import structlog

from config.settings import Settings
from config.wiring import WorkerParts, build_parts, build_shared
from pipeline.errors import ModelUnavailable, RefdeskError
from pipeline.types import EmbeddingProfile

log = structlog.get_logger(__name__)

RETRY_AFTER_S = 30.0
"""How long a model that could not be loaded is not tried again: the reason is known, and loading takes its time."""


class ProfilePartsCache:
    """Gives the parts of a profile; loading one holds up nobody who asks for another."""

    def __init__(self, build: Callable[[EmbeddingProfile], WorkerParts], close: Callable[[], None]) -> None:
        """Take what builds the parts of a profile, and what closes that which they share."""
        self._build = build
        self._close = close
        self._parts: dict[int, WorkerParts] = {}
        self._failures: dict[int, tuple[float, str]] = {}
        self._loading: dict[int, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, profile: EmbeddingProfile) -> WorkerParts:
        """Give the parts of a profile, loading its model first if need be; raises e.g. `ModelUnavailable`."""
        found = self._parts.get(profile.id)
        if found is not None:
            return found
        with self._lock:
            loading = self._loading.setdefault(profile.id, threading.Lock())
        with loading:
            if profile.id not in self._parts:
                self._parts[profile.id] = self._load(profile)
            return self._parts[profile.id]

    def loaded(self) -> frozenset[int]:
        """Name the profiles that are in memory."""
        return frozenset(self._parts)

    def retain(self, profile_ids: Collection[int]) -> None:
        """Let go of every other profile's parts; whoever works with them still does to the end."""
        for profile_id in self.loaded() - set(profile_ids):
            self._parts.pop(profile_id, None)
            log.info("embedding profile unloaded", profile=profile_id)

    def close(self) -> None:
        """Close what all profiles share."""
        self._close()

    def _load(self, profile: EmbeddingProfile) -> WorkerParts:
        failed_at, reason = self._failures.get(profile.id, (float("-inf"), ""))
        if time.monotonic() - failed_at < RETRY_AFTER_S:
            raise ModelUnavailable(reason)
        started = time.monotonic()
        try:
            parts = self._build(profile)
        except Exception as error:
            self._failures[profile.id] = (time.monotonic(), str(error) or type(error).__name__)
            if isinstance(error, RefdeskError):
                raise
            raise ModelUnavailable(f"The profile {profile.name} cannot be used here: {error}") from error
        log.info("embedding profile loaded", profile=profile.name, s=round(time.monotonic() - started, 1))
        return parts


def build_parts_cache(settings: Settings, *, role: Literal["query", "ingest"]) -> ProfilePartsCache:
    """Prepare the parts of a worker of this role; models load when their profile is first asked for."""
    shared = build_shared(settings)
    return ProfilePartsCache(lambda profile: build_parts(settings, profile, role=role, shared=shared), shared.close)
