"""A database with two workspaces and a profile, and shortcuts for adding documents."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from db import blobs, embeddings, jobs, profiles, versions, workspaces
from db.engine import Database
from pipeline.ingest import prepare_chunks
from pipeline.types import Chunk, EmbeddingProfile, ParsedDocument, Unread
from tests.integration.server_user import ServerUser

DIMENSIONS = 8


def fake_vector(text: str) -> list[float]:
    """Return a unit vector that depends only on the text."""
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]))
    vector = rng.normal(size=DIMENSIONS)
    return [float(value) for value in vector / np.linalg.norm(vector)]


@dataclass
class Library:
    database: Database
    workspace: int
    other: int
    profile: EmbeddingProfile

    def submit(self, payload: dict[str, Any] | None = None, *, workspace: int | None = None, **values) -> int:
        workspace = workspace or self.workspace
        with self.database.tenant(workspace) as session:
            return jobs.submit(session, jobs.NewJob(workspace, "ingest", payload or {}, **values))

    def submit_bytes(self, source: str, content: bytes, *, channels=None, workspace: int | None = None) -> int:
        workspace = workspace or self.workspace
        with self.database.tenant(workspace) as session:
            sha256 = blobs.store(session, workspace, content)
        payload = {"source": source, "name": source, "sha256": sha256, "channels": channels}
        return self.submit(payload, workspace=workspace)

    def claim(self, job: int, lease_s: float = 60) -> jobs.Lease | None:
        with self.database.system() as session:
            return jobs.claim(session, job, worker="w", stage="start", lease_s=lease_s)

    def store(
        self, lease: jobs.Lease, texts: Sequence[str], *, unread: Sequence[Unread] = (), confidence: float | None = None
    ) -> int:
        payload = lease.payload
        version = versions.NewVersion(
            payload["source"],
            bytes.fromhex(payload["sha256"]),
            payload["channels"],
            ParsedDocument(payload["source"].title(), "text/plain", (), unread=tuple(unread)),
            prepare_chunks(
                [Chunk(n, text, tokens=len(text.split()), confidence=confidence) for n, text in enumerate(texts)]
            ),
        )
        with self.database.tenant(lease.workspace_id) as session:
            return versions.store_version(session, lease, version)

    def embed(self, *, attempts: int = 0, limit: int = 1000) -> list[int]:
        token = uuid.uuid4()
        with self.database.system() as session:
            claimed = embeddings.claim_chunks(
                session, self.profile.id, worker="w", token=token, attempts=attempts, limit=limit, lease_s=60
            )
        if not claimed:
            return []
        vectors = np.array([fake_vector(chunk.text) for chunk in claimed], dtype=np.float32)
        with self.database.system() as session:
            return embeddings.store_vectors(session, self.profile, token=token, chunks=claimed, vectors=vectors)

    def add(self, source: str, texts: Sequence[str], *, channels=None, workspace: int | None = None) -> int:
        job = self.submit_bytes(source, "\n".join(texts).encode(), channels=channels, workspace=workspace)
        lease = self.claim(job)
        assert lease is not None
        self.store(lease, texts)
        self.embed()
        return job

    def job(self, number: int, workspace: int | None = None):
        with self.database.tenant(workspace or self.workspace) as session:
            return jobs.get(session, number)

    def count(self, table: str, where: str = "true") -> int:
        from sqlalchemy import text

        with self.database.owner() as session:
            return int(session.scalar(text(f"SELECT count(*) FROM {table} WHERE {where}")) or 0)

    def run(self, statement: str) -> None:
        from sqlalchemy import text

        with self.database.owner() as session:
            session.execute(text(statement))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def library(database: Database) -> Library:
    with database.system() as session:
        local = workspaces.ensure_workspace(session, "local")
        other = workspaces.ensure_workspace(session, "guild:1")
        profile = profiles.add_first(session, EmbeddingProfile(0, "fake", "fake", DIMENSIONS, 256))
    return Library(database, local, other, profile)


@pytest.fixture
def vector_of() -> Callable[[str], list[float]]:
    return fake_vector


@pytest.fixture
def start_user() -> Iterator[Callable[..., ServerUser]]:
    """Start processes that use embedded servers; request it after the home, so that they stop before it is deleted."""
    with ExitStack() as users:

        def start(*arguments: Any, **options: Any) -> ServerUser:
            user = ServerUser(*arguments, **options)
            users.callback(user.close)
            return user

        yield start
