"""Documents: find, list, show, delete."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, or_, select
from sqlalchemy.orm import Session

from db import blobs, erasure, jobs
from db.models import ChunkRow, Document, DocumentVersion
from db.sql import named
from pipeline.errors import UnknownName
from pipeline.text.unread import parse_unread
from pipeline.types import Unread

SAMPLED_TEXTS = 100
"""Number of texts from which the language of the store is determined."""
DISCORD_MESSAGES = "https://discord.com/channels/"
"""Beginning of every link to a Discord message."""


@dataclass(frozen=True, slots=True)
class DuplicateDocument:
    """The document whose live version already has these bytes."""

    id: int
    title: str
    source: str
    chunks: int
    unread: Sequence[Mapping[str, Any]] = ()
    """The stored parts that were not read."""


@dataclass(frozen=True, slots=True)
class DocumentSummary:
    """A line of a document list."""

    id: int
    title: str
    source: str
    media_type: str
    chunks: int
    pages: int | None
    channels: Sequence[str] | None
    added_by: str
    updated_at: str
    origin: str = ""
    """Link to the original; empty if unknown."""
    unread: tuple[Unread, ...] = ()

    @property
    def link(self) -> str:
        """The URL that the document was fetched from; empty for files and texts."""
        # Only links have a URL as their source, but that of a document of some channels begins with the channels.
        # The origin of a file or text is the Discord message with it.
        urls = [url for url in (self.origin, self.source) if url.lower().startswith(("https://", "http://"))]
        return next((url for url in urls if not url.startswith(DISCORD_MESSAGES)), "")


@dataclass(frozen=True, slots=True)
class OrphanedDocuments:
    """Documents outside the visible channels that a user may still list and delete."""

    added_by: str
    """Documents added by this user are always included."""
    existing: tuple[str, ...] | None = None
    """For managers: all existing channels; documents without any of them are included."""


def find_same_bytes(
    session: Session, workspace_id: int, sha256_of: Sequence[tuple[jobs.Lease, str]]
) -> dict[int, DuplicateDocument]:
    """Return the documents of ingest jobs that already have exactly these bytes and the same scope, by job ID."""
    rows = [
        {
            "job_id": lease.job_id,
            "source": str(lease.payload["source"]),
            "sha256": sha256,
            "channels": lease.payload.get("channels"),
        }
        for lease, sha256 in sha256_of
    ]
    values = {"workspace_id": workspace_id, "documents": json.dumps(rows)}
    found = session.execute(named("find_same_bytes"), values)
    return {row.job_id: DuplicateDocument(row.id, row.title, row.source, row.chunks, row.unread) for row in found}


def add_missing_origin(session: Session, document_id: int, origin: str | None) -> None:
    """Store the link of a document that has none; the link where the live version was added remains."""
    if origin:
        session.execute(named("add_missing_document_origin"), {"id": document_id, "origin": origin})


def remove_origins(session: Session, origins: Sequence[str]) -> int:
    """Remove links that lead nowhere any more, and return the number of changed documents (a system transaction)."""
    return len(session.execute(named("remove_document_origins"), {"origins": list(origins)}).all())


def upsert(session: Session, workspace_id: int, rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Insert the documents of sources that have none, and return the IDs of all by source.

    Title and scope of an existing document change only when a version becomes live.
    """
    values = {"workspace_id": workspace_id, "sources": [row["source"] for row in rows], "documents": json.dumps(rows)}
    session.execute(named("lock_documents_of_sources"), values)
    return {row.source: row.id for row in session.execute(named("upsert_documents"), values)}


def list_documents(
    session: Session,
    *,
    limit: int = 1000,
    offset: int = 0,
    search: str = "",
    channels: Sequence[str] | None = None,
    orphans: OrphanedDocuments | None = None,
) -> list[DocumentSummary]:
    """List the documents with a live version, newest first.

    Args:
        session: A session of the tenant.
        limit: Maximum number of documents.
        offset: Number of documents to skip.
        search: Text to find in title or source, ignoring case.
        channels: Channels that the viewer may read; None sees every document.
        orphans: Further documents to include.
    """
    query = _select_live(channels, search, orphans).order_by(Document.updated_at.desc(), Document.id.desc())
    return [_to_summary(document, version) for document, version in session.execute(query.limit(limit).offset(offset))]


def list_by_title(
    session: Session,
    title: str,
    *,
    channels: Sequence[str] | None,
    orphans: OrphanedDocuments | None = None,
    limit: int,
) -> list[DocumentSummary]:
    """List the documents with exactly this title, ignoring case, newest first."""
    query = _select_live(channels, orphans=orphans).where(func.lower(Document.title) == title.lower())
    rows = session.execute(query.order_by(Document.updated_at.desc(), Document.id.desc()).limit(limit))
    return [_to_summary(document, version) for document, version in rows]


def count_documents(
    session: Session,
    *,
    search: str = "",
    channels: Sequence[str] | None = None,
    orphans: OrphanedDocuments | None = None,
) -> int:
    """Count the documents that `list_documents` returns without a limit."""
    query = _select_live(channels, search, orphans).with_only_columns(func.count(), maintain_column_froms=True)
    return session.scalar(query) or 0


def find_document(
    session: Session,
    document_id: int,
    *,
    channels: Sequence[str] | None = None,
    orphans: OrphanedDocuments | None = None,
) -> DocumentSummary:
    """Return a document without its chunks; raise `UnknownName` also if the viewer may not see it."""
    return _to_summary(*_find_live(session, document_id, channels, orphans))


def filter_visible(session: Session, document_ids: Sequence[int], channels: Sequence[str]) -> set[int]:
    """Return those of these documents that a reader of these channels may see (a tenant transaction)."""
    query = select(Document.id).where(Document.id.in_(document_ids), _visible_in(channels))
    return set(session.scalars(query))


def list_channels(session: Session, workspace_id: int) -> list[str]:
    """List all channels in the scope of any document; a viewer of all of them sees every document."""
    return list(session.scalars(named("list_document_channels"), {"workspace_id": workspace_id}))


def list_chunks(session: Session) -> list[tuple[Sequence[str], str]]:
    """List the headings and the text of all live chunks of the workspace."""
    return [(row.headings, row.text) for row in session.execute(named("list_live_chunks"))]


def read_document(
    session: Session, document_id: int, *, channels: Sequence[str] | None = None
) -> tuple[DocumentSummary, list[ChunkRow]]:
    """Return a document and its live chunks; raise `UnknownName` also if the viewer may not see it."""
    document, version = _find_live(session, document_id, channels)
    chunks = session.scalars(select(ChunkRow).where(ChunkRow.version_id == version.id).order_by(ChunkRow.ordinal))
    return _to_summary(document, version), list(chunks)


def read_original(
    session: Session, document_id: int, *, channels: Sequence[str] | None = None
) -> tuple[str, str, bytes]:
    """Return file name, media type and original bytes of the live version, or raise `UnknownName`."""
    document, version = _find_live(session, document_id, channels)
    return (
        _file_name(document),
        version.media_type,
        blobs.read(session, document.workspace_id, version.sha256.hex()),
    )


def build_reingest_payload(
    session: Session, document_id: int, *, channels: Sequence[str] | None = None
) -> dict[str, object]:
    """Return the payload of a job that ingests the stored bytes of a document again, or raise `UnknownName`."""
    document, version = _find_live(session, document_id, channels)
    return {
        "source": document.source,
        "name": _file_name(document),
        "sha256": version.sha256.hex(),
        "media_type": document.media_type,
        "channels": document.channels,
        "origin": document.origin,
        "force": True,
    }


def list_for_export(session: Session) -> list[dict[str, Any]]:
    """Return what is needed to add each live document of the workspace again, oldest first (a tenant transaction)."""
    rows = session.execute(_select_live(None).order_by(Document.id))
    return [
        {
            "source": document.source,
            "name": _file_name(document),
            "title": document.title,
            "media_type": document.media_type,
            "channels": document.channels,
            "added_by": document.added_by,
            "origin": document.origin,
            "sha256": version.sha256.hex(),
        }
        for document, version in rows
    ]


def find_owner(session: Session, workspace_id: int, source: str) -> str | None:
    """Return the user who added a document or is adding it in an open job, or None (a tenant transaction)."""
    owner = session.scalar(named("find_source_owner"), {"workspace_id": workspace_id, "source": source})
    return None if owner is None else str(owner)


def read_first_chunk(session: Session, document_id: int) -> str:
    """Return the text of the first chunk of a document; empty if it was deleted (a tenant transaction)."""
    query = select(ChunkRow.text).join(Document, Document.live_version_id == ChunkRow.version_id)
    return session.scalars(query.where(Document.id == document_id).order_by(ChunkRow.ordinal).limit(1)).first() or ""


def delete_document(session: Session, document_id: int) -> str:
    """Delete a document with its versions and return its title, or raise `UnknownName`.

    Its texts are also removed from traces, answers and jobs (`db.erasure`), and its bytes unless they are needed.
    """
    return delete_documents(session, [document_id])[0]


def delete_documents(session: Session, document_ids: Sequence[int]) -> list[str]:
    """Delete documents of one workspace as `delete_document` does, and return their titles."""
    found = session.execute(select(Document.id, Document.workspace_id).where(Document.id.in_(document_ids))).all()
    if missing := set(document_ids) - {row.id for row in found}:
        raise UnknownName(f"There is no document {min(missing)} in this workspace.")
    erasure.lock_library(session, found[0].workspace_id)
    jobs.cancel_for_documents(session, document_ids)
    remains = erasure.lock_documents(session, found[0].workspace_id, document_ids)
    titles = session.scalars(delete(Document).where(Document.id.in_(document_ids)).returning(Document.title)).all()
    if len(titles) < len(document_ids):
        raise UnknownName(f"There is no document {document_ids[0]} in this workspace.")
    erasure.erase_remains(session, remains)
    return list(titles)


def _select_live(
    channels: Sequence[str] | None, search: str = "", orphans: OrphanedDocuments | None = None
) -> Select[Document, DocumentVersion]:
    query = select(Document, DocumentVersion).join(DocumentVersion, DocumentVersion.id == Document.live_version_id)
    if channels is not None:
        visible = _visible_in(channels)
        if orphans is not None:
            visible |= Document.added_by == orphans.added_by
            if orphans.existing is not None:
                visible |= ~Document.channels.overlap(list(orphans.existing))
        query = query.where(visible)
    if search:
        query = query.where(
            Document.title.icontains(search, autoescape=True) | Document.source.icontains(search, autoescape=True)
        )
    return query


def _visible_in(channels: Sequence[str]) -> ColumnElement[bool]:
    return or_(Document.channels.is_(None), Document.channels.overlap(list(channels)))


def _find_live(
    session: Session, document_id: int, channels: Sequence[str] | None = None, orphans: OrphanedDocuments | None = None
) -> tuple[Document, DocumentVersion]:
    row = session.execute(_select_live(channels, orphans=orphans).where(Document.id == document_id)).one_or_none()
    if row is None:
        raise UnknownName(f"There is no document {document_id} in this workspace.")
    document, version = row
    return document, version


def _file_name(document: Document) -> str:
    return document.source.rsplit("/", 1)[-1] or document.title


def _to_summary(document: Document, version: DocumentVersion) -> DocumentSummary:
    return DocumentSummary(
        document.id,
        document.title,
        document.source,
        document.media_type,
        version.chunks,
        version.pages,
        document.channels,
        document.added_by,
        document.updated_at.isoformat(timespec="seconds"),
        document.origin or "",
        parse_unread(version.unread),
    )


def sample_texts(session: Session, count: int = SAMPLED_TEXTS) -> list[str]:
    """Return the beginnings of chunks that are evenly spread over the store (a system transaction)."""
    return list(session.scalars(named("sample_texts"), {"count": count}))
