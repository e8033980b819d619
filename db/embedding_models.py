"""The tables of vectors and of chunks without them as mapped classes; `db.models` contains the others."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from db.models import Base, key_in_workspace


class Embedding(Base):
    """The vector of a chunk."""

    __tablename__ = "embeddings"
    __table_args__ = (key_in_workspace("chunk_id", "chunks", "CASCADE"),)
    profile_id: Mapped[int] = mapped_column(ForeignKey("embedding_profiles.id"), primary_key=True)
    chunk_id: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[int]
    version_id: Mapped[int]
    scope_id: Mapped[int | None]
    vector: Mapped[Any] = mapped_column(HALFVEC())


class EmbeddingTask(Base):
    """A queued chunk that has no vector yet."""

    __tablename__ = "embedding_queue"
    __table_args__ = (
        key_in_workspace("chunk_id", "chunks", "CASCADE"),
        key_in_workspace("version_id", "document_versions", "CASCADE"),
    )
    profile_id: Mapped[int] = mapped_column(ForeignKey("embedding_profiles.id"), primary_key=True)
    chunk_id: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[int]
    version_id: Mapped[int]
    claim_token: Mapped[uuid.UUID | None]
    claim_owner: Mapped[str | None]
    claim_expires: Mapped[dt.datetime | None]
    attempts: Mapped[int]
    queued_at: Mapped[dt.datetime]
    due_at: Mapped[dt.datetime]
    requester: Mapped[str]
