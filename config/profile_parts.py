"""A cache of worker parts by embedding profile, loaded on first use."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from typing import Literal

import structlog

from config.cross_encoders import uses_cross_encoder
from config.settings import Settings
from config.wiring import AnswerBuilder, SharedParts, WorkerParts, build_answers, build_parts, build_shared
from pipeline.errors import ModelUnavailable, RefdeskError
from pipeline.types import EmbeddingProfile

log = structlog.get_logger(__name__)

RETRY_AFTER_S = 30.0
"""Seconds before a failed load is retried; until then the stored reason is raised, because loading is slow."""


class ProfilePartsCache:
    """Worker parts by profile; loading one profile does not block callers that need another."""

    def __init__(
        self,
        build: Callable[[EmbeddingProfile], WorkerParts],
        close: Callable[[], None],
        build_without_model: Callable[[str], AnswerBuilder] | None = None,
    ) -> None:
        """Create an empty cache.

        Args:
            build: Builds the parts of a profile.
            close: Closes what all profiles share.
            build_without_model: Builds the answer flow without an embedding model, from the reason why it is missing;
                None if this worker answers no questions.
        """
        self._build = build
        self._close = close
        self._build_without_model = build_without_model
        self._parts: dict[int, WorkerParts] = {}
        self._failures: dict[int, tuple[float, str]] = {}
        self._loading: dict[int, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, profile: EmbeddingProfile) -> WorkerParts:
        """Return the parts of a profile, loading its model if necessary; raises for example `ModelUnavailable`."""
        parts = self._parts.get(profile.id)
        if parts is not None:
            return parts
        with self._lock:
            loading = self._loading.setdefault(profile.id, threading.Lock())
        with loading:
            if profile.id not in self._parts:
                self._parts[profile.id] = self._load(profile)
            return self._parts[profile.id]

    def get_answers(self, profile: EmbeddingProfile) -> AnswerBuilder:
        """Return the answer flow of a profile; it finds passages by keywords only while the model cannot be loaded."""
        try:
            return self.get(profile).answer_with
        except RefdeskError as error:  # loading raises ModelUnavailable, MissingExtra, ProfileMismatch and others
            if self._build_without_model is None:
                raise
            log.warning("questions are answered by keywords only", profile=profile.name, error=str(error))
            return self._build_without_model(str(error))

    def loaded(self) -> frozenset[int]:
        """Return the IDs of the loaded profiles."""
        return frozenset(self._parts)

    def retain(self, profile_ids: Collection[int]) -> None:
        """Unload all other profiles; tasks that use their parts can still finish."""
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
            raise ModelUnavailable(f"The embedding profile {profile.name} could not be loaded: {error}") from error
        log.info("embedding profile loaded", profile=profile.name, s=round(time.monotonic() - started, 1))
        return parts


def build_parts_cache(
    settings: Settings, *, role: Literal["query", "ingest"], shared: SharedParts | None = None
) -> ProfilePartsCache:
    """Build the cache of a worker of this role; models load on first use of their profile.

    Args:
        settings: The settings.
        role: A query worker loads the cross-encoder at once if the default reranker uses it.
        shared: What all profiles share; built if it is None.
    """
    parts = shared or build_shared(settings)
    if role == "query" and uses_cross_encoder(settings.answer.reranker):
        parts.cross_encoder.start()

    def build(profile: EmbeddingProfile) -> WorkerParts:
        return build_parts(settings, profile, role=role, shared=parts)

    def build_without_model(reason: str) -> AnswerBuilder:
        return build_answers(settings, parts, None, missing=reason)

    return ProfilePartsCache(build, parts.close, build_without_model if role == "query" else None)
