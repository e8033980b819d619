"""Shared steps of the profile tests: a worker with fake models; add, store and switch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from config.profile_parts import ProfilePartsCache
from config.setting_groups import EmbeddingSettings
from config.settings import Settings
from db import profiles
from pipeline.types import EmbeddingProfile
from tests.integration.conftest import fake_vector

OTHER = EmbeddingProfile(
    0, "other", "other", 5, 128, query_prefix="q: ", backend="openai", base_url="http://127.0.0.1/v1"
)


class Model:
    """An embedder for any profile that fails on request."""

    def __init__(self, profile: EmbeddingProfile, error: Exception | None = None) -> None:
        self.profile, self.error = profile, error

    def encode(self, texts):
        if self.error:
            raise self.error
        return np.array([fake_vector(f"{self.profile.name} {text}")[: self.profile.dimensions] for text in texts])


def worker(library, errors: dict[str, Exception] | None = None) -> Any:
    def parts(profile) -> Any:
        return SimpleNamespace(embedder=Model(profile, (errors or {}).get(profile.name)))

    return SimpleNamespace(
        chunk_s={},
        worker="w1",
        settings=Settings(_env_file=None, embedding=EmbeddingSettings(claim_size=64)),
        database=library.database,
        parts=ProfilePartsCache(parts, lambda: None),
    )


def add(library, described: EmbeddingProfile = OTHER, *, building: bool = True) -> EmbeddingProfile:
    with library.database.system() as session:
        added = profiles.add(session, described)
        if building:
            profiles.start_building(session, added.id)
    return added


def store(library, source: str, texts) -> int:
    job: int = library.submit_bytes(source, "\n".join(texts).encode())
    library.store(library.claim(job), texts)
    return job


def switch(library, profile: EmbeddingProfile, **options) -> None:
    with library.database.system() as session:
        profiles.switch(session, profile, **options)


def states(library) -> dict[str, str]:
    with library.database.system() as session:
        return {status.profile.name: status.state for status in profiles.list_statuses(session, max_attempts=3)}


def live(library) -> str:
    with library.database.system() as session:
        found = profiles.find_live(session)
    assert found is not None
    return found.name
