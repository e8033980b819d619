"""The tables as mapped classes. The migrations define the schema; a test compares it with these classes."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any, ClassVar

from sqlalchemy import (
    REAL,
    BigInteger,
    Computed,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Time = DateTime(timezone=True)


class Base(DeclarativeBase):
    """Base class of all tables."""

    type_annotation_map: ClassVar = {
        str: Text(),
        dt.datetime: Time,
        dict[str, Any]: JSONB(),
        list[dict[str, Any]]: JSONB(),
        list[str]: ARRAY(Text()),
        uuid.UUID: UUID(as_uuid=True),
        bytes: LargeBinary(),
    }


def key_in_workspace(column: str, parent: str, ondelete: str | None = None, **options: Any) -> ForeignKeyConstraint:
    """Return a foreign key to a row of another table, or of the same one, in the same workspace."""
    columns = [f"{parent}.workspace_id", f"{parent}.id"]
    return ForeignKeyConstraint(["workspace_id", column], columns, ondelete=ondelete, **options)


class Workspace(Base):
    """A tenant."""

    __tablename__ = "workspaces"
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    created_at: Mapped[dt.datetime]


class ProfileRow(Base):
    """An embedding profile."""

    __tablename__ = "embedding_profiles"
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    model: Mapped[str]
    dimensions: Mapped[int]
    max_tokens: Mapped[int]
    query_prefix: Mapped[str]
    passage_prefix: Mapped[str]
    normalize: Mapped[bool]
    distance: Mapped[str]
    precision: Mapped[str]
    backend: Mapped[str]
    pooling: Mapped[str]
    base_url: Mapped[str]
    quantization: Mapped[str]
    state: Mapped[str]
    problem: Mapped[str]
    created_at: Mapped[dt.datetime]
    retired_at: Mapped[dt.datetime | None]


class Job(Base):
    """A job, a row of the ledger."""

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("workspace_id", "request_key"),
        key_in_workspace("delivery_id", "deliveries", "SET NULL (delivery_id)"),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"))
    kind: Mapped[str]
    queue: Mapped[str]
    requester: Mapped[str]
    request_key: Mapped[str | None]
    payload: Mapped[dict[str, Any]]
    about: Mapped[str | None] = mapped_column(
        Computed("coalesce(payload ->> 'name', payload ->> 'question')"), deferred=True
    )
    state: Mapped[str]
    stage: Mapped[str]
    attempt: Mapped[int]
    max_attempts: Mapped[int]
    lease_owner: Mapped[str | None]
    lease_token: Mapped[uuid.UUID | None]
    lease_since: Mapped[dt.datetime | None]
    lease_expires: Mapped[dt.datetime | None]
    writer_token: Mapped[uuid.UUID | None]
    cancel_requested: Mapped[bool]
    run_after: Mapped[dt.datetime]
    virtual_time: Mapped[int] = mapped_column(BigInteger)
    progress_done: Mapped[int]
    progress_total: Mapped[int]
    progress_text: Mapped[str]
    result: Mapped[dict[str, Any] | None]
    error_class: Mapped[str | None]
    error: Mapped[str | None]
    delivery_id: Mapped[int | None] = mapped_column(BigInteger)
    delivered_at: Mapped[dt.datetime | None]
    published_at: Mapped[dt.datetime | None]
    created_at: Mapped[dt.datetime]
    requested_at: Mapped[dt.datetime]
    started_at: Mapped[dt.datetime | None]
    finished_at: Mapped[dt.datetime | None]

    @property
    def finished(self) -> bool:
        """True if the job is in a final state."""
        return self.state not in {"queued", "running"}


class DeliveryRow(Base):
    """A delivery: one Discord message that shows jobs until they have ended."""

    __tablename__ = "deliveries"
    __table_args__ = (UniqueConstraint("workspace_id", "request_key"),)
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"))
    request_key: Mapped[str]
    kind: Mapped[str]
    application_id: Mapped[str]
    guild_id: Mapped[str | None]
    channel_id: Mapped[str]
    message_id: Mapped[str | None]
    reply_to_id: Mapped[str | None]
    user_id: Mapped[str]
    locale: Mapped[str]
    private: Mapped[bool]
    route: Mapped[str]
    token: Mapped[str | None]
    token_expires: Mapped[dt.datetime | None]
    state: Mapped[str]
    generation: Mapped[int]
    parts_sent: Mapped[int]
    claim_owner: Mapped[str | None]
    claim_token: Mapped[uuid.UUID | None]
    claim_expires: Mapped[dt.datetime | None]
    attempts: Mapped[int]
    due_at: Mapped[dt.datetime]
    error: Mapped[str | None]
    created_at: Mapped[dt.datetime]
    delivered_at: Mapped[dt.datetime | None]


class Feedback(Base):
    """The vote of a user on an answer."""

    __tablename__ = "feedback"
    __table_args__ = (key_in_workspace("job_id", "jobs", "CASCADE"),)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"))
    job_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    user_id: Mapped[str] = mapped_column(primary_key=True)
    vote: Mapped[int] = mapped_column(SmallInteger)
    reason: Mapped[str | None]
    created_at: Mapped[dt.datetime]
    updated_at: Mapped[dt.datetime]


class HelperRequest(Base):
    """A question about which the helpers of a server were asked."""

    __tablename__ = "helper_requests"
    __table_args__ = (key_in_workspace("job_id", "jobs", "CASCADE"),)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"))
    job_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    user_id: Mapped[str]
    created_at: Mapped[dt.datetime]
    posted: Mapped[bool]


class SettingsRow(Base):
    """Settings made by the managers of a workspace."""

    __tablename__ = "workspace_settings"
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    reranker: Mapped[str | None]
    top_n: Mapped[int | None]
    top_k: Mapped[int | None]
    answer_language: Mapped[str | None]
    ingest_by: Mapped[str | None]
    ingest_role: Mapped[str | None]
    helper_role: Mapped[str | None]
    public_channels: Mapped[list[str] | None]
    ask_roles: Mapped[list[str] | None]
    direct_messages: Mapped[bool | None]
    channel_rules: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    questions_per_user_hour: Mapped[int | None]
    questions_per_day: Mapped[int | None]
    documents_per_user_day: Mapped[int | None]
    documents_per_day: Mapped[int | None]
    retention_days: Mapped[int | None]
    library_mb: Mapped[int | None]
    updated_by: Mapped[str]
    updated_at: Mapped[dt.datetime]


class CommandsHash(Base):
    """Hash of the commands that a Discord application has registered."""

    __tablename__ = "discord_commands"
    application_id: Mapped[str] = mapped_column(primary_key=True)
    hash: Mapped[str]
    synced_at: Mapped[dt.datetime]


class JobEvent(Base):
    """One change of a job."""

    __tablename__ = "job_events"
    __table_args__ = (key_in_workspace("job_id", "jobs", "CASCADE"),)
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    job_id: Mapped[int] = mapped_column(BigInteger)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"))
    at: Mapped[dt.datetime]
    state: Mapped[str]
    stage: Mapped[str]
    attempt: Mapped[int]
    worker: Mapped[str | None]
    writer_token: Mapped[uuid.UUID | None]
    note: Mapped[str]


class WorkerRow(Base):
    """A worker process with its last heartbeat."""

    __tablename__ = "workers"
    id: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    queues: Mapped[list[str]]
    host: Mapped[str]
    pid: Mapped[int]
    model: Mapped[str]
    started_at: Mapped[dt.datetime]
    last_seen: Mapped[dt.datetime]
    last_task_at: Mapped[dt.datetime | None]
    profiles: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    rerankers: Mapped[list[str]]
    concurrency: Mapped[int]


class Quarantine(Base):
    """Content that killed a worker repeatedly."""

    __tablename__ = "quarantine"
    __table_args__ = (key_in_workspace("job_id", "jobs", "CASCADE"),)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    sha256: Mapped[bytes] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(BigInteger)
    error: Mapped[str]
    created_at: Mapped[dt.datetime]


class Blob(Base):
    """Original bytes of a source."""

    __tablename__ = "blobs"
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    sha256: Mapped[bytes] = mapped_column(primary_key=True)
    content: Mapped[bytes]
    created_at: Mapped[dt.datetime]


class Scope(Base):
    """A distinct set of channels that documents of a workspace are limited to."""

    __tablename__ = "scopes"
    __table_args__ = (UniqueConstraint("workspace_id", "channels", postgresql_nulls_not_distinct=True),)
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"))
    channels: Mapped[list[str] | None]


class Document(Base):
    """An entry of the library."""

    __tablename__ = "documents"
    __table_args__ = (
        UniqueConstraint("workspace_id", "source"),
        key_in_workspace("scope_id", "scopes"),
        key_in_workspace(
            "live_version_id",
            "document_versions",
            "SET NULL (live_version_id)",
            deferrable=True,
            initially="DEFERRED",
            use_alter=True,
        ),
    )
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"))
    source: Mapped[str]
    title: Mapped[str]
    media_type: Mapped[str]
    channels: Mapped[list[str] | None]
    added_by: Mapped[str]
    origin: Mapped[str | None]
    live_version_id: Mapped[int | None]
    live_chunks: Mapped[int | None]
    live_terms: Mapped[int | None] = mapped_column(BigInteger)
    scope_id: Mapped[int | None]
    created_at: Mapped[dt.datetime]
    updated_at: Mapped[dt.datetime]


class DocumentVersion(Base):
    """The content of a document at one time."""

    __tablename__ = "document_versions"
    __table_args__ = (
        key_in_workspace("document_id", "documents", "CASCADE"),
        key_in_workspace("job_id", "jobs", "SET NULL (job_id)"),
        key_in_workspace("scope_id", "scopes"),
    )
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"))
    document_id: Mapped[int]
    job_id: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[bytes]
    title: Mapped[str]
    media_type: Mapped[str]
    pages: Mapped[int | None]
    language: Mapped[str | None]
    chunks: Mapped[int]
    terms: Mapped[int] = mapped_column(BigInteger)
    warnings: Mapped[list[str]]
    unread: Mapped[list[dict[str, Any]]]
    scope_id: Mapped[int | None]
    created_at: Mapped[dt.datetime]


class ChunkRow(Base):
    """A chunk of a version."""

    __tablename__ = "chunks"
    __table_args__ = (
        UniqueConstraint("version_id", "ordinal"),
        key_in_workspace("document_id", "documents", "CASCADE"),
        key_in_workspace("version_id", "document_versions", "CASCADE"),
    )
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"))
    document_id: Mapped[int]
    version_id: Mapped[int]
    ordinal: Mapped[int]
    text: Mapped[str]
    headings: Mapped[list[str]]
    page: Mapped[int | None]
    tokens: Mapped[int]
    input_hash: Mapped[bytes]
    confidence: Mapped[float | None] = mapped_column(REAL)
