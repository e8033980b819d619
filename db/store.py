"""Documents: store a version beside the live one, list, show, delete."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from db import embedding, jobs, profiles
from db.models import ChunkRow, Document, DocumentVersion
from db.sql import named
from pipeline.errors import Quarantined, UnknownName
from pipeline.types import ParsedDocument, PreparedChunk


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A parsed and chunked document on its way into the store."""

    source: str
    sha256: bytes
    channels: Sequence[str] | None
    parsed: ParsedDocument
    inputs: Sequence[PreparedChunk]


@dataclass(frozen=True, slots=True)
class DuplicateDocument:
    """The document that holds these bytes already."""

    id: int
    title: str
    source: str
    chunks: int


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
    """Link under which people find the original; empty when none is known."""


def keep_blob(session: Session, workspace_id: int, content: bytes) -> str:
    """Keep original bytes and give their sha256 in hex."""
    digest = hashlib.sha256(content)
    session.execute(named("keep_blob"), {"workspace_id": workspace_id, "sha256": digest.digest(), "content": content})
    return digest.hexdigest()


def read_blob(session: Session, workspace_id: int, sha256: str) -> bytes:
    """Read original bytes or raise `UnknownName`."""
    content = session.scalar(named("read_blob"), {"workspace_id": workspace_id, "sha256": bytes.fromhex(sha256)})
    if content is None:
        raise UnknownName("The original bytes are no longer kept; add the file again.")
    return bytes(content)


def require_not_quarantined(session: Session, workspace_id: int, sha256: str) -> None:
    """Raise `Quarantined` for bytes that killed their worker too often."""
    row = session.execute(
        named("quarantined"), {"workspace_id": workspace_id, "sha256": bytes.fromhex(sha256)}
    ).one_or_none()
    if row is not None:
        raise Quarantined(
            f"These exact bytes ended their worker several times (job {row.job_id}: {row.error}) and are not"
            " tried again;"
            f" `refdesk jobs retry {row.job_id}` lifts this."
        )


def find_same_bytes(session: Session, lease: jobs.Lease, sha256: str) -> DuplicateDocument | None:
    """Find the document that a job is about, if it holds exactly these bytes for the same readers already."""
    channels = lease.payload.get("channels")
    values = {
        "workspace_id": lease.workspace_id,
        "sha256": bytes.fromhex(sha256),
        "channels": None if channels is None else list(channels),
        "source": str(lease.payload["source"]),
        "job_id": lease.job_id,
    }
    row = session.execute(named("same_bytes"), values).one_or_none()
    return None if row is None else DuplicateDocument(row.id, row.title, row.source, row.chunks)


def note_origin(session: Session, document_id: int, origin: str | None) -> None:
    """Remember where the same bytes were found last; without a link the known one stays."""
    if origin:
        session.execute(named("note_origin"), {"id": document_id, "origin": origin})


def store_version(session: Session, lease: jobs.Lease, version: NewVersion) -> int:
    """Store a version unseen, queue what needs a vector, and hand the job to the embedder; gives the version's number.

    Where every chunk keeps an old vector there is nothing to wait for, and the version goes live at once.

    One tenant transaction, fenced by the lease: either everything of it is there afterwards or nothing.
    """
    profiles.hold(session)
    jobs.hold(session, lease)
    if lease.attempt > 1:
        jobs.discard(session, lease.job_id)
    document_id = session.scalars(named("upsert_document"), _document_values(lease, version)).one()
    version_id = session.scalars(named("add_version"), _version_values(lease, document_id, version)).one()
    _add_chunks(session, lease.workspace_id, document_id, version_id, version.inputs)
    total = len(version.inputs)
    done = total - int(session.scalar(named("reuse_or_queue"), {"version_id": version_id}) or 0)
    values = {"id": lease.job_id, "token": lease.token, "done": done, "total": total}
    session.execute(named("hand_to_embedder"), values)
    if done == total:
        embedding.complete_versions(session, [version_id])
    return int(version_id)


def _document_values(lease: jobs.Lease, version: NewVersion) -> dict[str, object]:
    return {
        "workspace_id": lease.workspace_id,
        "source": version.source,
        "title": version.parsed.title,
        "media_type": version.parsed.media_type,
        "channels": None if version.channels is None else list(version.channels),
        "added_by": lease.requester,
    }


def _version_values(lease: jobs.Lease, document_id: int, version: NewVersion) -> dict[str, object]:
    return {
        "workspace_id": lease.workspace_id,
        "document_id": document_id,
        "job_id": lease.job_id,
        "sha256": version.sha256,
        "title": version.parsed.title,
        "media_type": version.parsed.media_type,
        "pages": version.parsed.pages,
        "language": version.parsed.language,
        "chunks": len(version.inputs),
        "terms": sum(term.frequency for item in version.inputs for term in item.terms),
        "warnings": list(version.parsed.warnings),
    }


def _add_chunks(
    session: Session, workspace_id: int, document_id: int, version_id: int, inputs: Sequence[PreparedChunk]
) -> None:
    scope = {"workspace_id": workspace_id, "document_id": document_id, "version_id": version_id}
    rows = [
        {
            "ordinal": item.chunk.ordinal,
            "text": item.chunk.text,
            "headings": list(item.chunk.headings),
            "page": item.chunk.page,
            "tokens": item.chunk.tokens,
            "input_hash": item.input_hash.hex(),
        }
        for item in inputs
    ]
    numbered = session.execute(named("add_chunks"), scope | {"chunks": json.dumps(rows)}).all()
    chunk_of = {row.ordinal: row.id for row in numbered}
    terms: list[int] = []
    chunk_ids: list[int] = []
    frequencies: list[int] = []
    lengths: list[int] = []
    for item in inputs:
        length = sum(term.frequency for term in item.terms)
        for term in item.terms:
            terms.append(term.id)
            chunk_ids.append(chunk_of[item.chunk.ordinal])
            frequencies.append(min(term.frequency, 32_767))
            lengths.append(length)
    session.execute(
        named("add_postings"),
        {
            "workspace_id": workspace_id,
            "version_id": version_id,
            "terms": terms,
            "chunk_ids": chunk_ids,
            "frequencies": frequencies,
            "lengths": lengths,
        },
    )


@dataclass(frozen=True, slots=True)
class OrphanedDocuments:
    """Documents that somebody may tidy up although the channels they are for are gone or closed to this person."""

    added_by: str
    """One's own are always among them."""
    existing: tuple[str, ...] | None = None
    """For who manages the place: the channels there are; what is for none of them is among them too."""


def list_documents(
    session: Session,
    *,
    limit: int = 1000,
    offset: int = 0,
    search: str = "",
    channels: Sequence[str] | None = None,
    orphans: OrphanedDocuments | None = None,
) -> list[DocumentSummary]:
    """List the documents that answer, newest first; `search` looks into title and source.

    `channels` are those the viewer may read, None sees everything; `orphans` come on top.
    """
    query = _live_documents(channels, search, orphans).order_by(Document.updated_at.desc(), Document.id.desc())
    return [_summary(document, version) for document, version in session.execute(query.limit(limit).offset(offset))]


def titled(
    session: Session,
    title: str,
    *,
    channels: Sequence[str] | None,
    orphans: OrphanedDocuments | None = None,
    limit: int,
) -> list[DocumentSummary]:
    """List the documents of exactly this title, in any case of its letters, newest first."""
    query = _live_documents(channels, orphans=orphans).where(func.lower(Document.title) == title.lower())
    rows = session.execute(query.order_by(Document.updated_at.desc(), Document.id.desc()).limit(limit))
    return [_summary(document, version) for document, version in rows]


def count_documents(
    session: Session,
    *,
    search: str = "",
    channels: Sequence[str] | None = None,
    orphans: OrphanedDocuments | None = None,
) -> int:
    """Count the documents that `list_documents` would list without a limit."""
    query = _live_documents(channels, search, orphans).with_only_columns(func.count(), maintain_column_froms=True)
    return session.scalar(query) or 0


def find_document(
    session: Session,
    document_id: int,
    *,
    channels: Sequence[str] | None = None,
    orphans: OrphanedDocuments | None = None,
) -> DocumentSummary:
    """Give a document without its chunks; `UnknownName` also for one the viewer may not see."""
    return _summary(*_live(session, document_id, channels, orphans))


def documents_seen(session: Session, document_ids: Sequence[int], channels: Sequence[str]) -> set[int]:
    """Give those of these documents that somebody who may read these channels sees (a tenant transaction)."""
    values = {"ids": list(document_ids), "channels": list(channels)}
    return set(session.scalars(named("documents_seen"), values))


def all_channels(session: Session, workspace_id: int) -> list[str]:
    """List every channel that some document is for; an operator who looks through all of them sees every document."""
    return list(session.scalars(named("channels_of_documents"), {"workspace_id": workspace_id}))


def show_document(
    session: Session, document_id: int, *, channels: Sequence[str] | None = None
) -> tuple[DocumentSummary, list[ChunkRow]]:
    """Give a document with the chunks of its live version; `UnknownName` also for one the viewer may not see."""
    document, version = _live(session, document_id, channels)
    chunks = session.scalars(select(ChunkRow).where(ChunkRow.version_id == version.id).order_by(ChunkRow.ordinal))
    return _summary(document, version), list(chunks)


def original(session: Session, document_id: int, *, channels: Sequence[str] | None = None) -> tuple[str, str, bytes]:
    """Give the file name, the media type and the original bytes of what answers now, or raise `UnknownName`."""
    document, version = _live(session, document_id, channels)
    return _file_name(document), version.media_type, read_blob(session, document.workspace_id, version.sha256.hex())


def reingest_payload(session: Session, document_id: int, *, channels: Sequence[str] | None = None) -> dict[str, object]:
    """Give the payload of a job that builds a document anew from its kept bytes, or raise `UnknownName`."""
    document, version = _live(session, document_id, channels)
    return {
        "source": document.source,
        "name": _file_name(document),
        "sha256": version.sha256.hex(),
        "media_type": document.media_type,
        "channels": document.channels,
        "origin": document.origin,
        "force": True,
    }


def delete_document(session: Session, document_id: int) -> str:
    """Delete a document, gone from answers when this transaction commits; gives its title or raises `UnknownName`."""
    session.execute(named("cancel_source"), {"document_id": document_id})
    title = session.scalar(named("delete_document"), {"id": document_id})
    if title is None:
        raise UnknownName(f"There is no document {document_id} here.")
    return str(title)


def _live_documents(
    channels: Sequence[str] | None, search: str = "", orphans: OrphanedDocuments | None = None
) -> Select[Document, DocumentVersion]:
    query = select(Document, DocumentVersion).join(DocumentVersion, DocumentVersion.id == Document.live_version_id)
    if channels is not None:
        seen = Document.channels.is_(None) | Document.channels.overlap(list(channels))
        if orphans is not None:
            seen |= Document.added_by == orphans.added_by
            if orphans.existing is not None:
                seen |= ~Document.channels.overlap(list(orphans.existing))
        query = query.where(seen)
    if search:
        query = query.where(
            Document.title.icontains(search, autoescape=True) | Document.source.icontains(search, autoescape=True)
        )
    return query


def _live(
    session: Session, document_id: int, channels: Sequence[str] | None = None, orphans: OrphanedDocuments | None = None
) -> tuple[Document, DocumentVersion]:
    row = session.execute(_live_documents(channels, orphans=orphans).where(Document.id == document_id)).one_or_none()
    if row is None:
        raise UnknownName(f"There is no document {document_id} here.")
    document, version = row
    return document, version


def _file_name(document: Document) -> str:
    return document.source.rsplit("/", 1)[-1] or document.title


def _summary(document: Document, version: DocumentVersion) -> DocumentSummary:
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
    )
