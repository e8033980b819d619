"""Original bytes, stored once per workspace and content hash."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.models import Blob
from db.sql import named
from pipeline.errors import LibraryFull, UnknownName

MB = 1_000_000
MISSING = "The original bytes {}… are no longer stored; add the file again."
"""Message about bytes whose SHA-256 starts with the given digits."""


def measure(session: Session, workspace_id: int) -> int:
    """Return the bytes of all stored originals of a workspace."""
    return int(session.execute(named("measure_blobs"), {"workspace_id": workspace_id, "sha256": b""}).one().used)


def require_room(session: Session, workspace_id: int, content: bytes, limit_mb: int, *, reserved: int = 0) -> None:
    """Raise `LibraryFull` if original bytes exceed the quota; the same tenant transaction then stores them.

    Args:
        session: A session of the tenant.
        workspace_id: The workspace.
        content: Original bytes; they need no room if they are stored already.
        limit_mb: The quota in megabytes; 0: no quota.
        reserved: Further bytes that the transaction is going to store.
    """
    if not limit_mb:
        return
    session.execute(named("lock_blobs"), {"workspace_id": workspace_id})
    values = {"workspace_id": workspace_id, "sha256": hashlib.sha256(content).digest()}
    row = session.execute(named("measure_blobs"), values).one()
    used = int(row.used) + reserved
    if not row.stored and used + len(content) > limit_mb * MB:
        raise LibraryFull(used=used, needed=len(content), limit=limit_mb * MB)


def store(session: Session, workspace_id: int, content: bytes) -> str:
    """Store original bytes and return their SHA-256 in hex."""
    digest = hashlib.sha256(content)
    statement = insert(Blob).values(workspace_id=workspace_id, sha256=digest.digest(), content=content)
    # The content is needed again, so the sweeper must not delete it as an orphan now.
    renewed = {"created_at": func.now()}
    session.execute(statement.on_conflict_do_update(index_elements=["workspace_id", "sha256"], set_=renewed))
    return digest.hexdigest()


def store_all(session: Session, workspace_id: int, contents: Sequence[bytes]) -> list[str]:
    """Store the original bytes of small files in one statement and return the SHA-256 of each in hex."""
    by_hash = {hashlib.sha256(content).digest(): content for content in contents}
    values = {"workspace_id": workspace_id, "hashes": list(by_hash), "contents": list(by_hash.values())}
    session.execute(named("store_blobs"), values)
    return [hashlib.sha256(content).hexdigest() for content in contents]


def read_all(session: Session, workspace_id: int, hashes: Collection[str]) -> dict[str, bytes]:
    """Return original bytes by their SHA-256 in hex; those that are no longer stored are left out."""
    keys = (Blob.workspace_id == workspace_id, Blob.sha256.in_([bytes.fromhex(sha256) for sha256 in hashes]))
    return {row.sha256.hex(): row.content for row in session.execute(select(Blob.sha256, Blob.content).where(*keys))}


def read(session: Session, workspace_id: int, sha256: str) -> bytes:
    """Return original bytes, or raise `UnknownName`."""
    content = read_all(session, workspace_id, [sha256]).get(sha256)
    if content is None:
        raise UnknownName(MISSING.format(sha256[:12]))
    return content


def list_retryable(session: Session, hashes: Collection[str], days: int) -> set[str]:
    """Return the hashes whose jobs are open or ended without success in the last `days` (a system transaction)."""
    return set(session.scalars(named("list_retryable_hashes"), {"hashes": list(hashes), "days": days}))


def delete_orphans(session: Session) -> int:
    """Delete blobs that no version and no open job needs, and return how many (a system transaction)."""
    return int(getattr(session.execute(named("delete_orphan_blobs")), "rowcount", 0))
